"""A benchmark as CSV: timm's columns, under its names and in its units, then ours.

timm's benchmark.py has one line for each model, ours one for each configuration. What
timm writes of training and of inference stands in columns of its own (`train_...`,
`infer_...`); the columns of a kind that the file has no row of are left out, as timm
does. Numbers are not rounded: networks of 0.02 million parameters are too small for
timm's two decimals.
"""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.measured_rows import Measured, mean_step_milliseconds, repeat_speeds
from benchmarks.row_names import shape_text
from benchmarks.rows import BenchmarkFile, Ceilings, Configuration, Row
from cai_keras.errors import DataError

_Column = Callable[[Row], Any]


def _scaled(field: str, divisor: float) -> _Column:
    def column(row: Row) -> float | None:
        value = getattr(row, field)
        return None if value is None else value / divisor

    return column


def _width(row: Row) -> int | None:
    """timm's size is the last of (channels, height, width)."""
    shape = row.configuration.image_shape
    return shape[-2] if len(shape) >= 3 else None


# Without the prefix of the kind; timm counts a multiplication and its addition as one.
_TIMM: dict[str, _Column] = {
    "samples_per_sec": lambda row: row.samples_per_second,
    "step_time": mean_step_milliseconds,
    "batch_size": lambda row: row.configuration.batch_size,
    "img_size": _width,
}
_TIMM_INFER: dict[str, _Column] = {
    "gmacs": _scaled("sample_flops", 2e9),
    "macts": _scaled("sample_activations", 1e6),
}
_CONFIGURATION = tuple(Configuration.model_fields)
_MEASURED = tuple(
    field for field in Row.model_fields if field not in ("configuration", "repeats")
)
_SPEEDS = "repeat_samples_per_second"
_AROUND = ("device_name", "versions")


def timm_columns(kind: str) -> dict[str, _Column]:
    """Prefixed with the kind: `infer_samples_per_sec` and so on."""
    columns = {**_TIMM, **(_TIMM_INFER if kind == "infer" else {})}
    return {f"{kind}_{name}": column for name, column in columns.items()}


def columns_of(kinds: list[str]) -> list[str]:
    """The header line of a file with rows of these kinds."""
    timm = [name for kind in kinds for name in timm_columns(kind)]
    ours = [*_CONFIGURATION, *_MEASURED, _SPEEDS, *_AROUND]
    return ["model", *timm, "param_count", *ours]


def to_csv(file: BenchmarkFile) -> str:
    """One line for each row, in the file's order; what is not known is empty."""
    present = {row.configuration.kind for row in file.metrics}
    columns = columns_of([kind for kind in ("infer", "train") if kind in present])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    versions = _versions(file.environ)
    for row in file.metrics:
        around = {"device_name": _device_name(row, file.ceilings), "versions": versions}
        writer.writerow({key: _text(v) for key, v in (_line(row) | around).items()})
    return text.getvalue()


def read_csv(path: Path) -> tuple[list[Measured], list[dict[str, str]]]:
    """The rows of a file of `to_csv`, and of each its device and the versions.

    Raises:
        DataError: it is missing, damaged, or another program's.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:  # a UnicodeDecodeError is a ValueError
        raise DataError(f"{path}: not a table: {error}") from error
    needed = (*_CONFIGURATION, "state", "reason", "noise", _SPEEDS, *_AROUND)
    found = lines[0].keys() if lines else needed
    missing = [name for name in needed if name not in found]
    if missing:
        raise DataError(
            f"{path}: not a table of cai bench: no column {', '.join(missing[:3])}"
        )
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_measured(line))
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}: row {number}: {_why(error)}") from error
    return rows, [{key: line[key] for key in _AROUND} for line in lines]


def _line(row: Row) -> dict[str, Any]:
    configuration = row.configuration
    timm = timm_columns(configuration.kind)
    return {
        "model": configuration.model,
        **{name: column(row) for name, column in timm.items()},
        "param_count": _scaled("parameters", 1e6)(row),
        **{field: getattr(configuration, field) for field in _CONFIGURATION},
        "image_shape": shape_text(configuration.image_shape),
        **{field: getattr(row, field) for field in _MEASURED},
        _SPEEDS: " ".join(repr(speed) for speed in repeat_speeds(row)),
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return " ".join(value.split())  # a traceback stays one line
    return repr(value)  # all digits of a float


def _device_name(row: Row, ceilings: tuple[Ceilings, ...]) -> str:
    """As the backend calls the device that the row ran on, where that was measured."""
    place = row.configuration.backend, row.configuration.device
    names = [c.device_name for c in ceilings if (c.backend, c.device) == place]
    return names[0] if names else ""


def _versions(environ: Mapping[str, Any]) -> str:
    versions = environ.get("versions")
    if not isinstance(versions, Mapping):
        return ""
    return " ".join(f"{name}={versions[name]}" for name in sorted(versions))


def _measured(line: Mapping[str, str]) -> Measured:
    if None in line or None in line.values():
        raise ValueError("too many cells" if None in line else "too few cells")
    fields: dict[str, Any] = {name: line[name] for name in _CONFIGURATION}
    shape = fields["image_shape"]
    fields["image_shape"] = tuple(int(size) for size in shape.split("x") if shape)
    speeds = tuple(float(speed) for speed in line[_SPEEDS].split())
    if not all(0 < speed < float("inf") for speed in speeds):
        raise ValueError(f"{_SPEEDS}: expected positive numbers")
    if line["state"] not in ("done", "out_of_memory", "failed"):
        raise ValueError(f"state: unknown {line['state']!r}")
    return Measured(
        Configuration.model_validate(fields),
        line["state"],
        line["reason"] or None,
        line["noise"] or None,
        speeds if line["state"] == "done" else (),
    )


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
