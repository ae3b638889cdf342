"""What more replicas gain: strong and weak scaling of a paper's training step.

`cai bench scale` runs it. Every point is a process of its own, or as many as it has
workers, and trains on one batch that stays in memory. With T(n, B) the seconds of a
step of n replicas on a global batch of B examples:

    strong: n replicas share the batch of one;      efficiency = T(1, B) / (n T(n, B))
    weak:   each has as many examples as one had;   efficiency = T(1, B) / T(n, n B)
    communication share = 1 - T0 / T(n, ...),   T0: the same step on the same n
        replicas, without the all-reduce of the gradients

T0 is measured in the same process, in turns with T. It is not the step of one replica
with its part of the batch: where replicas share processors, that one would have all of
them for itself, and what is lost to sharing would pass for communication.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.child_call import call
from benchmarks.timing import speed_ratio
from benchmarks.unpaired_ratio import speed_ratio_of_medians
from cai_keras.cli import papers
from cai_keras.cli.gpus import visible_gpus
from cai_keras.cli.output import errors, print_table, say
from cai_keras.cli.workers import WorkerGroup
from cai_keras.errors import RunError, UsageError, choose, nearest
from cai_keras.reporting.atomic import write_atomic
from cai_keras.training.config import SCALES, Recipe
from cai_keras.training.cpus import usable_cpus

WORKER = "benchmarks.scaling_worker"
MODES = {"strong": "the batch of one is shared", "weak": "the batch grows"}
DEVICES = {"logical": "parts of the CPU", "real": "GPUs"}
Ask = Callable[[Mapping[str, Any], "Point"], dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """What is measured.

    Attributes:
        batch: examples of the step of one replica; the recipe's if None.
        replicas: numbers of them in one process.
        workers: numbers of processes, each with one replica.
        seconds: of one repeat.
        repeats: in each process.
        rounds: processes for each point.
    """

    slug: str = "resnet"
    variant: str | None = None
    scale: str = "small"
    data: str | None = None
    batch: int | None = None
    replicas: Sequence[int] = (1, 2)
    devices: str = "logical"
    workers: Sequence[int] = (1,)
    modes: Sequence[str] = ("strong", "weak")
    seconds: float = 2.0
    repeats: int = 5
    rounds: int = 2


@dataclass(frozen=True)
class Point:
    """So many replicas, with a batch of all of them together.

    Attributes:
        mode: strong or weak; base for the one replica that the others are compared
            with.
        workers: processes; 1, or as many as replicas.
    """

    mode: str
    replicas: int
    workers: int
    batch_size: int
    devices: str

    @property
    def strategy(self) -> str:
        if self.replicas == 1:
            return "one"
        return "multiworker" if self.workers > 1 else "mirrored"

    @property
    def logical_cpus(self) -> int:
        is_cut = self.devices == "logical" and self.workers == 1
        return self.replicas if is_cut else 1


def plan(asked: Asked, batch: int) -> list[Point]:
    """The points, that of one replica first.

    Args:
        batch: of one replica.
    Raises:
        UsageError: a number below 1, or a batch that cannot be shared equally.
    """
    for option, numbers in (("replicas", asked.replicas), ("workers", asked.workers)):
        for number in numbers:
            if number < 1:
                raise UsageError(f"--{option} {number}: expected 1 or more")
    more = [(n, 1) for n in sorted(set(asked.replicas)) if n > 1]
    more += [(n, n) for n in sorted(set(asked.workers)) if n > 1]
    points = [Point("base", 1, 1, batch, asked.devices)]
    for mode in asked.modes:
        choose("--mode", mode, MODES)
        for replicas, workers in more:
            if mode == "strong" and batch % replicas:
                raise UsageError(
                    f"--mode strong: {replicas} replicas cannot share a batch of "
                    f"{batch} equally; name another --batch"
                )
            size = batch if mode == "strong" else replicas * batch
            points.append(Point(mode, replicas, workers, size, asked.devices))
    return points


def run(
    asked: Asked, json_file: Path | None = None, ask: Ask | None = None
) -> dict[str, Any]:
    """Measures, prints a table, writes JSON where asked for.

    Raises:
        UsageError: an unknown name, or numbers that do not fit.
        RunError: nothing could be measured of one replica.
    """
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    choose("--devices", asked.devices, DEVICES)
    recipe = find_recipe(asked)
    asked = replace(asked, variant=recipe.variant)
    points = plan(asked, asked.batch or recipe.data.batch_size)
    say(
        f"{recipe.slug}, {recipe.variant}, {recipe.scale}: batch "
        f"{points[0].batch_size} of one replica"
    )
    for line in sharing_lines(points, usable_cpus()):
        say(line)
    found = measure(points, asked, ask or ask_point)
    rows, environ = rows_of(found), next(iter(found.values())).get("environ")
    result = {
        "schema_version": 1,
        "name": "scale",
        "environ": environ,
        "paper": recipe.slug,
        "variant": recipe.variant,
        "scale": recipe.scale,
        "metrics": rows,
    }
    if json_file is not None:
        write_atomic(json_file, json.dumps(result, indent=1).encode() + b"\n")
    print_table(COLUMNS, [cells(row) for row in rows])
    if rows[0]["reason"]:
        raise RunError(f"one replica: {rows[0]['reason']}")
    return result


def find_recipe(asked: Asked) -> Recipe:
    """The variant that was asked for, or the first one that trains.

    Raises:
        UsageError: an unknown paper, scale or variant, or none that trains.
    """
    if asked.scale not in SCALES:
        raise UsageError(f"--scale {asked.scale!r}: {nearest(asked.scale, SCALES)}")
    paper = papers.find_paper(asked.slug)
    for variant in [asked.variant] if asked.variant else paper.variants:
        recipe = paper.recipe(asked.scale, variant, asked.data)
        if recipe.train.total_steps:
            return recipe
    raise UsageError(f"{asked.slug}: nothing is trained at the scale {asked.scale}")


def sharing_lines(points: Sequence[Point], cpus: int) -> list[str]:
    """What replicas on one machine's processors can and cannot show."""
    largest = max(point.replicas for point in points)
    on_cpus = any(point.devices == "logical" for point in points)
    if largest == 1 or not on_cpus:
        return []
    return [
        f"{largest} replicas share the {cpus} processors of this machine, of which one "
        "replica takes all already: efficiencies show what distributing costs, not "
        "what more devices would gain"
    ]


def measure(
    points: Sequence[Point], asked: Asked, ask: Ask
) -> dict[Point, dict[str, Any]]:
    """The answers for each point, of all rounds together; or the first reason.

    The order is reversed in every other round. A point that has failed is not tried
    again.
    """
    found: dict[Point, dict[str, Any]] = {}
    for number in range(asked.rounds):
        for point in points if number % 2 == 0 else reversed(points):
            if "reason" in found.get(point, {}):
                continue
            errors.print(
                f"round {number + 1}: {point.mode}, {point.replicas} replicas in "
                f"{point.workers} process{'es' if point.workers > 1 else ''}",
                highlight=False,
            )
            answered = ask(_request(point, asked), point)
            found[point] = _joined(found.get(point), answered)
    return {point: found[point] for point in points}


def _request(point: Point, asked: Asked) -> dict[str, Any]:
    return {
        "paper": asked.slug,
        "variant": asked.variant,
        "scale": asked.scale,
        "data": asked.data,
        "batch_size": point.batch_size,
        "replicas": point.replicas,
        "strategy": point.strategy,
        "logical_cpus": point.logical_cpus,
        "seconds": asked.seconds,
        "repeats": asked.repeats,
    }


def _joined(before: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    if before is None or "reason" in new:
        return new
    lists = {key: before[key] + new[key] for key in new if key.endswith("_seconds")}
    return {**new, **lists}


def ask_point(
    request: Mapping[str, Any],
    point: Point,
    gpus: Callable[[], Sequence[str]] = visible_gpus,
) -> dict[str, Any]:
    """Starts the process or processes of a point and waits for the answer."""
    if point.devices == "real":
        there = gpus()
        if len(there) < point.replicas:
            return {"reason": f"this machine has {len(there)} GPUs"}
        if point.workers > 1:
            return {"reason": "workers on GPUs of one machine are not measured here"}
        visible = ",".join(there[: point.replicas])
    else:
        visible = "-1"
    request = {**request, "visible_gpus": visible}
    if point.workers == 1:
        return call(WORKER, request)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        arguments = [json.dumps(request), str(path)]
        command = [sys.executable, "-m", WORKER]
        with WorkerGroup(arguments, point.workers, command) as group:
            failure = group.wait()
        if failure is not None:
            return {"reason": str(failure)}
        return json.loads(path.read_text(encoding="utf-8"))


def rows_of(found: Mapping[Point, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each point; without a base there are no efficiencies."""
    base = next(answer for point, answer in found.items() if point.mode == "base")
    return [_row(point, answer, base) for point, answer in found.items()]


def _row(point: Point, answer: Mapping[str, Any], base) -> dict[str, Any]:
    row: dict[str, Any] = {
        "mode": point.mode,
        "replicas": point.replicas,
        "workers": point.workers,
        "devices": point.devices,
        "strategy": point.strategy,
        "batch_size": point.batch_size,
        **dict.fromkeys(_NUMBERS),
        "reason": answer.get("reason"),
    }
    if row["reason"] is not None:
        return row
    seconds = answer["step_seconds"]
    row["step_seconds"] = seconds
    row["samples_per_second"] = point.batch_size / statistics.median(seconds)
    if point.mode != "base" and "reason" not in base:
        row |= efficiency(point, seconds, base["step_seconds"])
    if "without_seconds" in answer:
        row |= communication(seconds, answer["without_seconds"])
    return row


_NUMBERS = (
    "step_seconds", "samples_per_second", "efficiency", "efficiency_95",
    "without_all_reduce_seconds", "communication_share", "communication_share_95",
)  # fmt: skip


def efficiency(
    point: Point, seconds: Sequence[float], base: Sequence[float]
) -> dict[str, Any]:
    """T(1) / T(n), over n where the batch is shared; the interval is a bootstrap of
    both, whose repeats come from several processes."""
    ratio = speed_ratio_of_medians(seconds, base)
    share = point.replicas if point.mode == "strong" else 1
    return {
        "efficiency": ratio.median / share,
        "efficiency_95": [ratio.low / share, ratio.high / share],
    }


def communication(seconds: Sequence[float], without: Sequence[float]) -> dict[str, Any]:
    """1 - T0 / T of paired repeats: median, and interval of the median.

    Below 0 where it is less than the noise.
    """
    ratio = speed_ratio(seconds, without)
    return {
        "without_all_reduce_seconds": list(without),
        "communication_share": 1 - ratio.median,
        "communication_share_95": [1 - ratio.high, 1 - ratio.low],
    }


COLUMNS = {
    "mode": "Scaling",
    "replicas": "Replicas",
    "batch": "Batch",
    "step": "Step, ms",
    "rate": "Samples/s",
    "efficiency": "Efficiency [95 %]",
    "communication": "Communication [95 %]",
}


def cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table."""
    found = {key: "" for key in COLUMNS} | {
        "mode": row["mode"],
        "replicas": _devices(row),
        "batch": str(row["batch_size"]),
    }
    if row["reason"] is not None:
        return {**found, "step": row["reason"]}
    found["step"] = f"{1000 * statistics.median(row['step_seconds']):.2f}"
    found["rate"] = f"{row['samples_per_second']:,.0f}"
    if row["efficiency"] is not None:
        low, high = row["efficiency_95"]
        found["efficiency"] = f"{row['efficiency']:.2f} [{low:.2f}, {high:.2f}]"
    if row["communication_share"] is not None:
        numbers = (row["communication_share"], *row["communication_share_95"])
        share, low, high = (100 * number for number in numbers)
        found["communication"] = f"{share:.1f} % [{low:.1f}, {high:.1f}]"
    return found


def _devices(row: Mapping[str, Any]) -> str:
    if row["workers"] > 1:
        return f"{row['replicas']} processes"
    kind = "logical CPU" if row["devices"] == "logical" else "GPU"
    return f"{row['replicas']} {kind}{'s' if row['replicas'] > 1 else ''}"
