"""What others have published of the networks: published.csv. No TensorFlow here."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Published:
    """A network on ImageNet-2012's 50,000 validation images, one crop each.

    Attributes:
        network: its name in config.yaml.
        label, family: for the figure.
        year: when it became public.
        input_side: in pixels.
        top1_error_percent, top5_error_percent: in percent.
        parameters: trainable; None where the source counts something else.
        multiply_adds_millions: for one image; None where unknown.
        source: who says so.
    """

    network: str
    label: str
    family: str
    year: int
    input_side: int
    top1_error_percent: float
    top5_error_percent: float
    parameters: int | None
    multiply_adds_millions: float | None
    source: str


@lru_cache(maxsize=1)
def published() -> dict[str, Published]:
    """All rows by the network's name, in the order of the file."""
    with _FILE.open(newline="", encoding="utf-8") as file:
        return {row["network"]: _parse(row) for row in csv.DictReader(file)}


def _parse(row: dict[str, str]) -> Published:
    return Published(
        network=row["network"],
        label=row["label"],
        family=row["family"],
        year=int(row["year"]),
        input_side=int(row["input_side"]),
        top1_error_percent=float(row["top1_error_percent"]),
        top5_error_percent=float(row["top5_error_percent"]),
        parameters=int(row["parameters"]) if row["parameters"] else None,
        multiply_adds_millions=(
            float(row["multiply_adds_millions"])
            if row["multiply_adds_millions"]
            else None
        ),
        source=row["source"],
    )
