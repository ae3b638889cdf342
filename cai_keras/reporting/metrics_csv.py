"""Reads a run's `metrics.csv` without pandas: thousands of them in a second."""

import csv
from pathlib import Path

from cai_keras.errors import UsageError
from cai_keras.reporting.record import LARGEST_VALUE


def read_metrics(path: Path) -> dict[str, dict[int, float]]:
    """By metric (`train/...`, `validation/...`, `test/...`), the values by step.

    Rows without a finite number are left out: a killed writer leaves half a row, a
    failed run NaN. A missing file holds no metrics.

    Raises:
        UsageError: the file cannot be read, or is no text.
    """
    logged: dict[str, dict[int, float]] = {}
    try:
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if len(row) == 3 and row[0].isascii() and row[0].isdigit():
                    value = _number(row[2])
                    if value is not None:
                        logged.setdefault(row[1], {})[int(row[0])] = value
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error):  # bytes that are not UTF-8: a ValueError
        raise UsageError(f"{path}: not a table of metrics") from None
    return {name: dict(sorted(points.items())) for name, points in logged.items()}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST_VALUE else None  # NaN is not either
