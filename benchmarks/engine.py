"""Training throughput: the engine against hand-written loops, Keras and PyTorch.

    python -m benchmarks.engine [--network resnet20,siamese] [--batch 128]
                                [--rounds 12] [--steps 20] [--json FILE]

`cai bench engine` is the same. All loops train networks of their own from the same
weights on the same data, and take turns in one process.

- engine: `StepLoop` over a tf.data pipeline, with the engine's logging to CSV and
  TensorBoard after each call; and again without its check for NaN.
- bare loop: the usual hand-written `@tf.function` step, called once a batch.
- bare loop in the graph: the same step inside one `tf.function` with many steps.
- keras fit: `compile` and `fit` from NumPy arrays, one epoch of `steps` batches, with
  Keras's batch normalisation; and again with ours, which is fused on TensorFlow.
  What it waits for tf.data after an epoch is left out (see benchmarks/loops.py).
- pytorch eager channels-last: where torch is installed.
"""

import argparse
import importlib
import importlib.metadata
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import speed_ratio
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import console, errors, print_table
from cai_keras.errors import UsageError, choose
from cai_keras.training.timing import interleave

NETWORKS = {"resnet20": "benchmarks.resnet20", "siamese": "benchmarks.siamese"}
REFERENCES = ("bare loop", "keras fit")
NOISY_PERCENT = 10.0


def run(
    networks: str = "resnet20,siamese",
    batch: int = 128,
    rounds: int = 12,
    steps: int = 20,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Measures, prints a table and the noise, writes JSON where asked for.

    Args:
        networks: names, separated by commas.
        batch: examples in a batch.
        rounds: times that each loop is measured.
        steps: batches in one measurement.
    Raises:
        UsageError: an unknown network, too few rounds, or no folder for the file.
    """
    names = [name.strip() for name in networks.split(",")]
    modules = {name: choose("--network", name, NETWORKS) for name in names}
    limits = (("batch", batch, 1), ("rounds", rounds, 2), ("steps", steps, 1))
    for option, value, least in limits:
        if value < least:
            raise UsageError(f"--{option} {value}: expected {least} or more")
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    load_tensorflow()
    settings = {"batch": batch, "rounds": rounds, "steps": steps}
    rows = []
    for name, module in modules.items():
        rows += _measure(name, module, batch, rounds, steps)
    result = {"machine": _machine(), **settings, "rows": rows}
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)
    return result


def rows_of(
    network: str,
    images: int,
    seconds: Mapping[str, Sequence[float]],
    left_out: Mapping[str, float],
    absent: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One row for each loop, numbers null and a reason given where there are none.

    Args:
        images: in one measurement.
        seconds: of each measurement of each loop, in the order they were made.
        left_out: loop -> seconds of all its measurements that were not counted.
        absent: loop -> why it was not measured.
    """
    rows = []
    for loop, measured in seconds.items():
        row = _row(network, loop, images / statistics.median(measured))
        row["spread_percent"] = spread_percent(measured)
        row["seconds"] = sum(measured)
        row["left_out_seconds"] = left_out.get(loop, 0.0)
        for reference in REFERENCES:
            ratio = speed_ratio(measured, seconds[reference])
            key = f"over_{reference.replace(' ', '_')}"
            row[key], row[f"{key}_95"] = ratio.median, [ratio.low, ratio.high]
        rows.append(row)
    return rows + [_row(network, loop, None, why) for loop, why in absent.items()]


def spread_percent(seconds: Sequence[float]) -> float:
    """Interquartile range of the measurements over their median."""
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    return float(100 * (high - low) / middle)


def noise_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How far the measurements of each loop lie apart, a warning where that is far."""
    measured = [row for row in rows if row["spread_percent"] is not None]
    largest = max(measured, key=lambda row: row["spread_percent"])
    lines = [
        f"noise: largest spread {largest['spread_percent']:.1f} % "
        f"({largest['network']}, {largest['loop']}; interquartile range over median)"
    ]
    noisy = [row for row in measured if row["spread_percent"] > NOISY_PERCENT]
    if noisy:
        loops = ", ".join(f"{row['network']} {row['loop']}" for row in noisy)
        lines.append(
            f"WARNING: spread above {NOISY_PERCENT:.0f} %: {loops}. The machine is "
            "not quiet: trust the ratios, which are of neighbours in time, not the "
            "images per second"
        )
    return lines


def wait_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What Keras's `fit` waited for tf.data after its epochs, which is not counted."""
    return [
        f"left out: {row['network']} {row['loop']} waited {row['left_out_seconds']:.1f}"
        f" s for tf.data after its epochs, beside {row['seconds']:.1f} s of training"
        for row in rows
        if row["left_out_seconds"]
    ]


def _row(network: str, loop: str, speed: float | None, reason: str | None = None):
    return {
        "network": network,
        "loop": loop,
        "images_per_second": speed,
        "spread_percent": None,
        "seconds": None,
        "left_out_seconds": None,
        "over_bare_loop": None,
        "over_bare_loop_95": None,
        "over_keras_fit": None,
        "over_keras_fit_95": None,
        "reason": reason,
    }


def _measure(
    name: str, module: str, batch: int, rounds: int, steps: int
) -> list[dict[str, Any]]:
    from benchmarks.loops import Stopwatch, make_calls  # TensorFlow

    clock = Stopwatch()

    workload = importlib.import_module(module).make_workload(batch, steps)
    with tempfile.TemporaryDirectory() as folder:
        calls, absent = make_calls(workload, batch, Path(folder), clock)
        errors.print(f"{name}: warming up {len(calls)} loops", highlight=False)
        for call in calls.values():  # compile and fill the pipelines
            call()
            call()
        errors.print(f"{name}: {rounds} rounds of {steps} batches", highlight=False)
        clock.left_out.clear()
        seconds = interleave(calls, rounds, clock)
    images = batch * steps * workload.images_per_example
    return rows_of(name, images, seconds, clock.left_out, absent)


def _machine() -> dict[str, Any]:
    from cai_keras.training.machine import describe_machine

    machine = describe_machine().model_dump()
    machine["versions"]["torch"] = _torch_version()
    return machine


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _print(result: Mapping[str, Any]) -> None:
    machine = result["machine"]
    columns = {
        "network": "Network",
        "loop": "Loop",
        "speed": "Images/s",
        "bare": "Over bare loop [95 %]",
        "fit": "Over Keras fit [95 %]",
        "spread": "Spread",
    }
    title = (
        f"{machine['cpu']}, {machine['intra_op_threads']} threads; batch "
        f"{result['batch']}, {result['rounds']} rounds of {result['steps']} batches"
    )
    print_table(columns, [_cells(row) for row in result["rows"]], title)
    lines = noise_lines(result["rows"]) + wait_lines(result["rows"])
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {"network": row["network"], "loop": row["loop"]}
    if row["reason"] is not None:
        return {**cells, "speed": row["reason"], "bare": "", "fit": "", "spread": ""}
    for key, name in (("bare", "over_bare_loop"), ("fit", "over_keras_fit")):
        low, high = row[f"{name}_95"]
        cells[key] = f"{row[name]:.3f} [{low:.3f}, {high:.3f}]"
    cells["speed"] = f"{row['images_per_second']:,.0f}"
    cells["spread"] = f"{row['spread_percent']:.1f} %"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--network", default=",".join(NETWORKS), help="names, separated by commas"
    )
    parser.add_argument("--batch", type=int, default=128, help="examples in a batch")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20, help="batches in a round")
    parser.add_argument("--json", type=Path, help="write the result there too")
    given = parser.parse_args()
    try:
        run(given.network, given.batch, given.rounds, given.steps, given.json)
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
