"""`cai report` over thousands of records: seconds of whole processes, by format.

    python -m benchmarks.report [--records 5000] [--rounds 5] [--output DIR]
                                [--json FILE]

`cai bench report` is the same. Papers, records and curves are made up: 20 papers of 10
variants, each record with 110 lines of metrics.csv and no pictures. The formats take
turns, each in a process of its own, so that a time has everything in it that a person
waits for.
"""

import argparse
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

import cai_keras
from benchmarks.engine import NOISY_PERCENT, spread_percent
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import RunError, UsageError
from cai_keras.reporting.record import DatasetInfo, Machine, Metric, Record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.timing import interleave

LIBRARY = Path(cai_keras.__file__).parent
FORMATS = ("terminal", "md", "csv", "json", "latex", "html")
TARGET_SECONDS = 5.0
PAPERS, VARIANTS, SEEDS = 20, 10, 5
_LOGGED = 100


def run(
    records: int = 5000,
    rounds: int = 5,
    output: Path | None = None,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Makes the records, measures, prints a table, writes JSON where asked for.

    Args:
        rounds: times that each format is measured.
        output: an empty folder that keeps papers, records and the last reports.
    Raises:
        UsageError: too few rounds or records, or a folder that is not empty.
        RunError: a report failed.
    """
    for option, value, least in (("records", records, 1), ("rounds", rounds, 2)):
        if value < least:
            raise UsageError(f"--{option} {value}: expected {least} or more")
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    if output is not None and output.exists() and any(output.iterdir()):
        raise UsageError(f"--output {output}: expected an empty folder, or none")
    with tempfile.TemporaryDirectory(prefix="cai-bench-") as temporary:
        folder = Path(temporary) if output is None else output
        errors.print(f"writing {records:,} records", highlight=False)
        write_papers(folder / "reproductions")
        write_records(folder / "runs", records)
        calls = {name: partial(_report, folder, name) for name in FORMATS}
        errors.print(f"{rounds} rounds of {len(FORMATS)} formats", highlight=False)
        calls["csv"]()  # the disk's cache
        seconds = interleave(calls, rounds)
        rows = [_row(folder, name, measured) for name, measured in seconds.items()]
    result = {"machine": _machine(), "records": records, "rounds": rounds, "rows": rows}
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1) + "\n")
    _print(result)
    return result


def write_papers(folder: Path) -> None:
    """A package of papers, each with value claims and effect claims."""
    template = (LIBRARY / "cli/templates/config.yaml.template").read_text()
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for number in range(PAPERS):
        config = yaml.safe_load(template.replace("SLUG", _slug(number)))
        config["variants"] = {f"v{index}": {} for index in range(VARIANTS)}
        config["claims"] = _claims()
        place = folder / _slug(number)
        place.mkdir()
        (place / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_records(output: Path, count: int) -> None:
    """Run folders with record and curves; the same ones for the same count."""
    rng = random.Random(0)
    for index in range(count):
        rest, paper = divmod(index, PAPERS)
        rest, variant = divmod(rest, VARIANTS)
        data, seed = divmod(rest, SEEDS)
        record = _record(paper, variant, data, seed, rng)
        place = record.paper, record.scale, record.run_name, record.seed
        folder = RunFolder.of(output, *place)
        folder.path.mkdir(parents=True)
        folder.record_path.write_text(record.model_dump_json(indent=1))
        folder.metrics_path.write_text(_curves(variant, rng))


def _slug(number: int) -> str:
    return f"paper_{number:02d}"


def _claims() -> list[dict[str, Any]]:
    common = {"metric": "test/accuracy_percent", "better": "higher"}
    values = [
        {"id": f"value_{index}", "kind": "value", "variant": f"v{index}", **common,
         "value": 60.0 + index, "tolerance": 1.0, "source": f"Table 1, row {index}"}
        for index in range(VARIANTS)
    ]  # fmt: skip
    effects = [
        {"id": f"v{index}_beats_v0", "kind": "effect", "variant": f"v{index}",
         "baseline": "v0", **common, "margin": 0.5, "published": float(index),
         "source": f"Table 1, rows 0 and {index}"}
        for index in range(1, VARIANTS // 2 + 1)
    ]  # fmt: skip
    return values + effects


def _record(paper: int, variant: int, data: int, seed: int, rng) -> Record:
    """The first data set is the paper's, at its scale; every third is a stand-in."""
    accuracy = 60 + variant + rng.gauss(0, 1)
    name = "mnist" if data == 0 else f"set_{data}"
    metrics = {"test/accuracy_percent": accuracy, "validation/accuracy_percent": 50.0}
    return Record(
        paper=_slug(paper),
        scale="paper" if data == 0 else "small",
        variant=f"v{variant}",
        run_name=f"v{variant}@{name}",
        seed=seed,
        overrides=[],
        state="done",
        dataset=DatasetInfo(
            spec=f"tfds:{name}", name=name, version="1.0.0", stand_in=data % 3 == 2,
            examples={"train": 60000, "test": 10000},
        ),
        steps_planned=10000, steps_done=10000, global_batch=128, replicas=1,
        strategy="one", backend="tensorflow", precision="float32",
        machine=Machine(
            devices=["/device:CPU:0"], cpu="a CPU", logical_cpus=2,
            memory_bytes=1 << 33, gpus=[], intra_op_threads=2, inter_op_threads=2,
            versions={"python": "3.11"}, commit="0" * 40, commit_is_dirty=False,
        ),
        started="2026-01-01T00:00:00+00:00",
        wall_seconds=100 + rng.random(), train_seconds=90.0,
        examples_per_second=1000.0, peak_memory_bytes=1 << 30,
        parameters={"net": {"trainable": 1000, "total": 1010}},
        metrics={key: Metric.of(value, 10000) for key, value in metrics.items()},
    )  # fmt: skip


def _curves(variant: int, rng) -> str:
    """A falling loss, and an accuracy at every tenth of its steps."""
    lines = ["step,metric,value"]
    for index in range(1, _LOGGED + 1):
        step, left = 100 * index, math.exp(-3 * index / _LOGGED)
        lines.append(f"{step},train/net/total,{3 * left + 0.1 * rng.random()!r}")
        if index % 10 == 0:
            value = 60 + variant - 20 * left + rng.random()
            lines.append(f"{step},validation/accuracy_percent,{value!r}")
    return "\n".join([*lines, ""])


def _report(folder: Path, name: str) -> None:
    """One process from its start to the last byte of the report."""
    command = [sys.executable, "-m", "cai_keras", "report"]
    command += [] if name == "terminal" else ["--format", name]
    # The current folder comes first: its papers stand in the place of the project's.
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY.parent)}
    with open(folder / f"report.{name}", "wb") as file:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=file, stderr=subprocess.PIPE,
            check=False,
        )  # fmt: skip
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RunError(f"cai report --format {name} failed: {(lines or ['?'])[-1]}")


def _row(folder: Path, name: str, seconds: list[float]) -> dict[str, Any]:
    return {
        "format": name,
        "seconds": statistics.median(seconds),
        "spread_percent": spread_percent(seconds),
        "bytes": (folder / f"report.{name}").stat().st_size,
        "all_seconds": seconds,
    }


def _machine() -> dict[str, Any]:
    return {
        "cpu": platform.processor() or platform.machine(),
        "logical_cpus": os.cpu_count(),
        "python": platform.python_version(),
    }


def _print(result: Mapping[str, Any]) -> None:
    columns = {
        "format": "Format", "seconds": "Seconds", "spread": "Spread", "size": "Size"
    }  # fmt: skip
    rows = [
        {
            "format": row["format"],
            "seconds": f"{row['seconds']:.2f}",
            "spread": f"{row['spread_percent']:.1f} %",
            "size": f"{row['bytes'] / 1e6:.1f} MB",
        }
        for row in result["rows"]
    ]
    title = f"{result['records']:,} records, median of {result['rounds']} processes"
    print_table(columns, rows, title)
    slowest = max(result["rows"], key=lambda row: row["seconds"])
    say(
        f"slowest: {slowest['format']}, {slowest['seconds']:.2f} s "
        f"(5,000 records are to take less than {TARGET_SECONDS:g} s)"
    )
    noisy = [
        row["format"] for row in result["rows"] if row["spread_percent"] > NOISY_PERCENT
    ]
    if noisy:
        say(
            f"WARNING: spread above {NOISY_PERCENT:.0f} %: {', '.join(noisy)}. "
            "The machine is not quiet"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="an empty folder to keep them in")
    parser.add_argument("--json", type=Path, help="write the result there too")
    given = parser.parse_args()
    try:
        run(given.records, given.rounds, given.output, given.json)
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
