"""`record.json`: everything that the table may say about one run."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cai_keras.errors import UsageError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.plain_text import one_line

SCHEMA_VERSION = 1
# Sums and squares of larger numbers overflow: no mean over seeds would be finite.
LARGEST_VALUE = 1e100

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Metric(_Part):
    """One measured number, or null with the reason why there is none.

    Attributes:
        value: in the unit that the metric's name ends in.
        count: examples that took part, padding excluded.
        reason: why `value` is null.
        passport: what makes the number comparable (feature extractor, resizing, ...).
            What a clock measured has the processor's name under `timed_on`.
    """

    value: float | None
    count: Count | None = None
    reason: str | None = None
    passport: dict[str, Any] | None = None

    @property
    def is_timed(self) -> bool:
        """Whether a clock measured it: no second run gives the same number."""
        return "timed_on" in (self.passport or {})

    @classmethod
    def of(cls, value: float, count: int, passport: dict | None = None) -> "Metric":
        """A metric that keeps NaN, infinity and overflow out of the record."""
        value = float(value)
        if not _is_number(value):
            return cls(value=None, count=count, reason=f"the value is {value}")
        return cls(value=value, count=count, passport=passport)


class DatasetInfo(_Part):
    """Which data a run used.

    Attributes:
        spec: as the user or the recipe gave it.
        name: what the loader found there, not what the path is called.
        stand_in: true unless `name` is one of the paper's own data sets.
        examples: number of examples by split.
        digest: of the decoded content where the loader computes one.
    """

    spec: str
    name: str
    version: str
    stand_in: bool
    examples: dict[str, Count]
    digest: str | None = None


class Machine(_Part):
    """Where a run took place."""

    devices: list[str]
    cpu: str
    logical_cpus: Count
    memory_bytes: Count
    gpus: list[str]
    intra_op_threads: Count
    inter_op_threads: Count
    versions: dict[str, str]
    commit: str | None
    commit_is_dirty: bool | None


class Parameters(_Part):
    """Trainable and total number of scalars in one network."""

    trainable: Count
    total: Count


class Record(_Part):
    """One run: a variant of a paper at a scale with a seed.

    Attributes:
        run_name: the run folder's variant part (`variant`, or `variant@data`).
        overrides: what `--set` and `--data` changed; not empty means that the
            paper's protocol was not kept.
        state: `interrupted` runs can be resumed.
        code: digest of the code that made it; None in records before this was kept.
        wall_seconds: the whole run, summed over its sessions when it was resumed.
        train_seconds: inside training steps, evaluation excluded.
        examples_per_second: in steady state; the first call is left out.
        input_wait_share: share of that time spent waiting for the next batch, 0 to 1.
        series: measured numbers that belong together, such as one for each layer, as
            figures over runs need them; no table shows them.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    paper: str
    scale: str
    variant: str
    run_name: str
    seed: Count
    overrides: list[str]
    state: Literal["running", "done", "failed", "interrupted"]
    reason: str | None = None
    code: str | None = None
    dataset: DatasetInfo
    steps_planned: Count
    steps_done: Count
    global_batch: Count
    replicas: Count
    strategy: str
    backend: str
    precision: str
    machine: Machine
    started: str
    wall_seconds: Seconds
    train_seconds: Seconds
    examples_per_second: float | None
    input_wait_share: float | None = None  # absent in records before this was measured
    peak_memory_bytes: Count
    parameters: dict[str, Parameters]
    metrics: dict[str, Metric]
    series: dict[str, list[float]] = {}

    @field_validator("series")
    @classmethod
    def _numbers_only(cls, series: Mapping[str, list[float]]):
        for name, values in series.items():
            if not all(map(_is_number, values)):
                raise ValueError(f"{name} has a number that is not finite or too large")
        return series

    @field_validator("metrics")
    @classmethod
    def _null_needs_a_reason(cls, metrics: Mapping[str, Metric]):
        for name, metric in metrics.items():
            if metric.value is None and not metric.reason:
                raise ValueError(f"{name} is null without a reason")
            if metric.value is not None and not _is_number(metric.value):
                raise ValueError(f"{name} is not finite, or above {LARGEST_VALUE:g}")
        return metrics


def write_record(path: Path, record: Record) -> None:
    """Writes the record in one atomic step, as indented JSON."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, allow_nan=False)
    write_atomic(path, text + "\n")


def read_record(path: Path) -> Record:
    """Reads and checks one record.

    Raises:
        UsageError: the file is not a record; says in one line what is wrong with it.
    """
    try:
        # Strict: a "12" or a `true` where a number belongs is damage, not 12 or 1.
        return Record.model_validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        keys = ".".join(str(part) for part in first["loc"])
        reason = one_line(f"{keys}: {first['msg']}" if keys else first["msg"])
        raise UsageError(f"{path}: not a record: {reason}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _is_number(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST_VALUE
