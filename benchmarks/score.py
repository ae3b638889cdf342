"""The score of a machine: how fast it runs a fixed set, relative to a reference.

    score = geometric mean over the set of (speed here / speed of the reference)
    speed of a repeat = batch size / 10th percentile of its step times
    speed = 90th percentile over the repeats

Both percentiles leave out what disturbs. Another process, or another guest of the same
host, makes steps slower and never faster, for milliseconds or for minutes: what is left
is nearer to the machine. Of six calls on a virtual machine of two cores the medians of
repeats gave scores with a standard deviation of 5.2 %, these percentiles 3.3 %.

1 is the machine of the reference, 2 one that is twice as fast. The reference is a unit,
like a metre: it is committed and its own noise has no part in the interval, which is
that of this machine's repeats within one call (see benchmarks/ratios.py). Two calls
differ by more than that: benchmarks/spread.py.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from benchmarks.compare import why_unmeasured
from benchmarks.measured_rows import measured as measured_row
from benchmarks.ratios import Pair, geometric_mean
from benchmarks.row_names import shape_text
from benchmarks.rows import BenchmarkFile, Configuration, Row
from benchmarks.score_file import ScoreFile
from benchmarks.score_set import ENTRIES, VERSION, Entry
from cai_keras.errors import RunError

_STEPS_QUANTILE, _REPEATS_QUANTILE = 0.1, 0.9


class Measure(Protocol):
    """What measures: the one thing that a score asks of the runner of benchmarks."""

    def __call__(
        self, configurations: Sequence[Configuration], budget_seconds: float
    ) -> BenchmarkFile:
        """One row for each configuration, measured or with the reason why not.

        Args:
            configurations: with the batch size as it is to be, never another one.
            budget_seconds: wall time of everything, processes and compiling included.
        Returns:
            rows with `repeats`, interleaved over the configurations, so that a machine
            that drifts slows all of them alike. `image_shape` may say more than was
            asked, where the table has none.
        """
        ...


def score_of(file: BenchmarkFile, reference: BenchmarkFile) -> ScoreFile:
    """The score of what was measured; without a number where a network has no speed.

    Raises:
        RunError: the reference is not whole.
    """
    theirs, absent = rows_of(reference)
    if absent:
        raise RunError(f"the reference is not whole: {_first(absent)}")
    ours, missing = rows_of(file)
    for entry, row in ours.items():
        reason = _why_unlike(row.configuration, theirs[entry].configuration)
        if reason:
            missing[entry] = reason
    ratios = {
        entry: entry_speed(row) / entry_speed(theirs[entry])
        for entry, row in ours.items()
        if entry not in missing
    }
    parts = {
        "score_version": VERSION,
        "ratios": ratios,
        "reference": digest(reference),
        "measured": file,
    }
    if missing:
        reason = _first(missing)
        return ScoreFile(score=None, low=None, high=None, reason=reason, **parts)
    pairs = [
        Pair(quick_speeds(theirs[entry.id]), quick_speeds(ours[entry.id]))
        for entry in ENTRIES
    ]
    mean = geometric_mean(pairs, reference_is_fixed=True, quantile=_REPEATS_QUANTILE)
    ends = {"score": mean.value, "low": mean.low, "high": mean.high}
    return ScoreFile(reason=None, **ends, **parts)


def reference_of(file: BenchmarkFile) -> ScoreFile:
    """A new reference: its own score is 1.

    Raises:
        RunError: a network of the set has no speed.
    """
    _, missing = rows_of(file)
    if missing:
        raise RunError(f"no reference can be made of this: {_first(missing)}")
    return score_of(file, file)


def digest(file: BenchmarkFile) -> str:
    """Of the speeds that make a file a reference; 16 hexadecimal digits."""
    rows, _ = rows_of(file)
    speeds = {entry: entry_speed(row) for entry, row in sorted(rows.items())}
    text = json.dumps([VERSION, speeds])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rows_of(file: BenchmarkFile) -> tuple[dict[str, Row], dict[str, str]]:
    """By entry of the set its row; and why an entry has none."""
    found, missing = {}, {}
    for entry in ENTRIES:
        rows = [row for row in file.metrics if _is_of(row.configuration, entry)]
        if not rows:
            missing[entry.id] = "not measured"
        elif len(rows) > 1:
            missing[entry.id] = f"measured {len(rows)} times: a score has one device"
        elif not measured_row(rows[0]).speeds:
            missing[entry.id] = why_unmeasured(measured_row(rows[0]))
        elif not quick_speeds(rows[0]):
            missing[entry.id] = "the file has no step times"
        else:
            found[entry.id] = rows[0]
    return found, missing


def quick_speeds(row: Row) -> tuple[float, ...]:
    """Samples per second of the quick steps of each repeat."""
    batch = row.configuration.batch_size
    return tuple(
        batch / float(np.quantile(repeat.step_seconds, _STEPS_QUANTILE))
        for repeat in row.repeats
        if sum(repeat.step_seconds) > 0
    )


def entry_speed(row: Row) -> float:
    """Samples per second that count in the score."""
    return float(np.quantile(quick_speeds(row), _REPEATS_QUANTILE))


def _is_of(configuration: Configuration, entry: Entry) -> bool:
    """Whatever the device; how large an image is, the reference says."""
    asked = entry.configuration(configuration.device)
    shape = {"image_shape": configuration.image_shape}
    return asked.model_copy(update=shape) == configuration


def _why_unlike(ours: Configuration, theirs: Configuration) -> str:
    if ours.image_shape == theirs.image_shape:
        return ""
    own, other = shape_text(ours.image_shape), shape_text(theirs.image_shape)
    return f"image shape {own or 'none'}, the reference's is {other or 'none'}"


def _first(missing: Mapping[str, str]) -> str:
    entry, reason = next(iter(missing.items()))
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return f"{entry}: {reason}{more}"
