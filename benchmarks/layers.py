"""Custom layers against Keras's own or their formula, forward and backward.

    python -m benchmarks.layers [--layer NAME] [--rounds 30] [--table] [--json FILE]
                                [--backend tensorflow,jax,torch]

`cai bench layers` is the same. Both sides are compiled (PyTorch runs as it is), take
turns in one process, and bring what they computed to the host: the outputs, or these
and the gradients of a weighted sum of them with respect to inputs and weights. Prints
one JSON object, or a table: a row for each case, with the largest relative difference
of outputs and gradients, the weights being equal. Each backend is a process of its own.

Where tensorflow-addons has the layer, its seconds are those of the golden file, which
were measured in another process (benchmarks/addons).
"""

import argparse
import importlib
import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import cai_keras.layers
from benchmarks.layer_calls import make_call
from benchmarks.layer_cases import CASES, SAME, Case
from benchmarks.layer_table import PASSES, print_rows
from benchmarks.naive_layers import Formula
from benchmarks.timing import speed_ratio
from benchmarks.unpaired_ratio import speed_ratio_of_medians
from cai_keras.cli.output import errors
from cai_keras.errors import nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.training.machine import describe_machine
from cai_keras.training.timing import interleave

BACKENDS = ("tensorflow", "jax", "torch")
_ROUNDING = 1e-5
_GOLDEN = Path(__file__).parent / "addons" / "golden.json"

__all__ = ["CASES", "Case", "main", "measure", "relative_difference"]


def relative_difference(ours: list[np.ndarray], kerass: list[np.ndarray]) -> float:
    """The largest difference of two arrays over the largest number of the second.

    A gradient that is 0 but for rounding on both sides, as a bias has it in front of a
    batch normalisation, would differ by all of its size: one below 1e-5 of the largest
    number of all arrays is compared with that number.

    Raises:
        ValueError: arrays of other shapes.
    """
    shapes = [[np.shape(array) for array in arrays] for arrays in (ours, kerass)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"shapes {shapes[0]} and {shapes[1]}")
    largest = [float(np.abs(array).max()) for array in kerass]
    of_all = max(largest) or 1.0
    found = 0.0
    for a, b, size in zip(ours, kerass, largest, strict=True):
        is_rounding = max(size, float(np.abs(a).max())) < _ROUNDING * of_all
        difference = float(np.abs(a - b).max())
        found = max(found, difference / (of_all if is_rounding else size or of_all))
    return found


def in_our_shapes(ours: list[np.ndarray], other: list[np.ndarray]) -> list[np.ndarray]:
    """The alternative's arrays: its weights may have further axes, or merged ones."""
    return [b.reshape(a.shape) for a, b in zip(ours, other, strict=True)]


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """One row: median milliseconds of both sides, and the ratio of paired rounds."""
    sides = {"cai_keras": case.ours, "alternative": case.kerass}
    inputs, labels = inputs_of(case)
    layers = {name: make(**case.arguments) for name, make in sides.items()}
    for layer in layers.values():
        build(layer, inputs, labels)
    copy_weights(layers["cai_keras"], layers["alternative"])
    # A first call of each, before any has changed its layer's state.
    shape = layers["cai_keras"].compute_output_shape(*_shapes(inputs, labels))
    factors = np.random.default_rng(1).normal(size=shape).astype("float32")
    calls = {
        (name, which): make_call(
            layer, inputs, labels, factors if which == "forward_backward" else None
        )
        for which in reversed(PASSES)
        for name, layer in layers.items()
    }
    first = {key: call() for key, call in calls.items()}
    found, other = (first[name, "forward_backward"] for name in sides)
    if case.same != SAME:
        found, other = found[:1], other[:1]
    passes = {which: _time(calls, which, sides, rounds) for which in PASSES}
    return {
        "layer": case.layer,
        "case": case.case,
        "shape": case.shape,
        "backend": keras.backend.backend(),
        "alternative": case.other,
        "passes": passes,
        **_of_keras(case, passes["forward_backward"]),
        "same": case.same,
        "relative_difference": relative_difference(found, in_our_shapes(found, other)),
        "addons": addons_row(case, passes) if case.addon else None,
        "reason": None,
    }


def _time(calls, which: str, sides, rounds: int) -> dict[str, Any]:
    chosen = {name: calls[name, which] for name in sides}
    for call in chosen.values():
        call()
    seconds = interleave(chosen, rounds)
    ratio = speed_ratio(seconds["cai_keras"], seconds["alternative"])
    return {
        "milliseconds": {
            name: round(1000 * float(np.median(values)), 3)
            for name, values in seconds.items()
        },
        "speed_over_alternative": round(ratio.median, 3),
        "interval_95": [round(ratio.low, 3), round(ratio.high, 3)],
        "seconds": seconds["cai_keras"],
    }


def _of_keras(case: Case, found: Mapping[str, Any]) -> dict[str, Any]:
    is_kerass = case.other.startswith("keras.")
    speed = found["speed_over_alternative"]
    return {"speed_over_keras": speed if is_kerass else None}


def inputs_of(case: Case) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Arrays for the case: inputs, and labels where it has some."""
    rng = np.random.default_rng(0)
    if case.numbers is not None:
        inputs = [rng.integers(case.numbers, size=case.shapes[0], dtype="int32")]
    else:
        inputs = [rng.normal(size=shape).astype("float32") for shape in case.shapes]
    labels = []
    if case.classes is not None:
        labels = [rng.integers(case.classes, size=case.shapes[0][:1], dtype="int32")]
    return inputs, labels


def build(layer: keras.layers.Layer, inputs, labels) -> None:
    layer.build(*_shapes(inputs, labels))


def _shapes(inputs, labels) -> list:
    shapes = [array.shape for array in inputs]
    return [shapes[0] if len(shapes) == 1 else shapes, *(x.shape for x in labels)]


def copy_weights(ours: keras.layers.Layer, other: keras.layers.Layer) -> None:
    """Gives the alternative our weights, which may have other axes there."""
    if isinstance(other, Formula):
        pairs = zip(other.copies, ours.weights, strict=True)
    else:
        pairs = [
            pair
            for kind in ("trainable_weights", "non_trainable_weights")
            for pair in zip(getattr(other, kind), getattr(ours, kind), strict=True)
        ]
    for target, source in pairs:
        target.assign(np.reshape(keras.ops.convert_to_numpy(source), target.shape))


def addons_row(case: Case, passes: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds of tensorflow-addons, and our speed over it across processes."""
    golden = json.loads(_GOLDEN.read_text(encoding="utf-8"))
    found = golden["cases"][case.addon]
    row = {"original": found["original"], "cpu": golden["machine"]["cpu"]}
    for which, seconds in found["seconds"].items():
        ratio = speed_ratio_of_medians(passes[which]["seconds"], seconds)
        row[which] = {
            "milliseconds": round(1000 * float(np.median(seconds)), 3),
            "speed_across_processes": round(ratio.median, 3),
            "interval_95": [round(ratio.low, 3), round(ratio.high, 3)],
        }
    return row


def absent_rows(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """A row with the reason for each custom layer without a case."""
    layers = {case.layer for case in cases}
    return [
        _row_without(name, "nothing is written that does the same")
        for name in layer_names()
        if name not in layers
    ]


def layer_names() -> list[str]:
    """The modules of `cai_keras.layers` that have a layer that Keras can load."""
    return [
        info.name
        for info in pkgutil.iter_modules(cai_keras.layers.__path__)
        if any(
            keras.saving.get_registered_name(value).startswith("cai_keras>")
            and value.__module__ == module.__name__
            for module in [importlib.import_module(f"cai_keras.layers.{info.name}")]
            for value in vars(module).values()
            if isinstance(value, type)
        )
    ]


def _row_without(layer: str, reason: str, **more) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("shape", "alternative", "passes", "speed_over_keras", "same",
         "relative_difference", "addons")
    )  # fmt: skip
    return {
        "layer": layer,
        "case": "",
        "backend": None,
        **empty,
        "reason": reason,
    } | more


def measure_here(layer: str | None, rounds: int) -> list[dict[str, Any]]:
    """Rows of the backend that this process has."""
    rows, backend = [], keras.backend.backend()
    for case in CASES:
        if layer not in (None, case.layer):
            continue
        if backend not in case.backends:
            reason = f"{case.other} is not there on {backend}"
            more = {"case": case.case, "backend": backend}
            rows.append(_row_without(case.layer, reason, **more))
            continue
        errors.print(f"{backend}: {case.layer}, {case.case}", highlight=False)
        row = measure(case, rounds)
        for found in row["passes"].values():
            del found["seconds"]
        rows.append(row)
    return rows + (absent_rows(CASES) if layer is None else [])


def measure_elsewhere(
    backend: str,
    layer: str | None,
    rounds: int,
    run: Callable[..., Any] = subprocess.run,
    find: Callable[[str], Any] = importlib.util.find_spec,
) -> list[dict[str, Any]]:
    """Rows of another backend, from a process of its own; one with the reason if none.

    Args:
        run, find: stand in for a process and for what is installed.
    """
    if find(backend) is None:
        reason = f"{backend} is not installed"
        return [_row_without(layer or "all", reason, backend=backend)]
    command = [sys.executable, "-m", "benchmarks.layers", "--backend", backend]
    command += ["--rounds", str(rounds), *(["--layer", layer] if layer else [])]
    done = run(
        command,
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = f"the process ended with {done.returncode}"
        return [_row_without(layer or "all", reason, backend=backend)]
    return json.loads(done.stdout)["metrics"]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", choices=sorted({case.layer for case in CASES}))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--backend", default=keras.backend.backend(), help="a,b")
    parser.add_argument("--table", action="store_true", help="instead of JSON")
    parser.add_argument("--json", type=Path, help="write it there too")
    options = parser.parse_args(arguments)
    if options.rounds < 2:
        parser.error(f"--rounds {options.rounds}: expected 2 or more")
    options.backends = [name.strip() for name in options.backend.split(",")]
    for name in options.backends:
        if name not in BACKENDS:
            parser.error(f"--backend {name}: {nearest(name, BACKENDS)}")
    if options.json is not None and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: no folder {options.json.parent}")
    return options


def main() -> None:
    options = parse()
    rows = []
    for name in options.backends:
        if name == keras.backend.backend():
            rows += measure_here(options.layer, options.rounds)
        else:
            rows += measure_elsewhere(name, options.layer, options.rounds)
    result = {
        "schema_version": 1,
        "name": "layers",
        "environ": describe_machine().model_dump(),
        "rounds": options.rounds,
        "metrics": rows,
    }
    if options.json is not None:
        write_atomic(options.json, json.dumps(result, indent=1).encode() + b"\n")
    if options.table:
        print_rows(rows)
    else:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
