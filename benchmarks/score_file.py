"""The file of a score: what was measured, and what it came to."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.rows import BenchmarkFile, read_model
from benchmarks.score_set import VERSION
from cai_keras.errors import UsageError
from cai_keras.reporting.atomic import write_atomic


class ScoreFile(BaseModel):
    """One call of `cai bench score`; a reference is such a file too.

    Attributes:
        score_version: of the set of networks.
        score: geometric mean of the ratios, 1 being the reference; null with `reason`
            where a network of the set could not be measured.
        low, high: its 95 % interval, from this file's repeats.
        ratios: entry of the set -> its speed over the reference's.
        reference: digest of the reference's speeds.
        measured: everything, also what has no part in the score.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    score_version: int
    score: float | None
    low: float | None
    high: float | None
    reason: str | None
    ratios: dict[str, float]
    reference: str
    measured: BenchmarkFile

    def write(self, path: Path) -> None:
        write_atomic(path, self.model_dump_json(indent=1).encode() + b"\n")


def read_score(path: Path) -> ScoreFile:
    """A file that `cai bench score` wrote.

    Raises:
        DataError: it is missing or damaged.
    """
    return read_model(path, ScoreFile, "a score")


def read_current_score(path: Path) -> ScoreFile:
    """A score of the version that this program measures.

    Raises:
        DataError: it is missing or damaged.
        UsageError: it is of another version.
    """
    file = read_score(path)
    if file.score_version != VERSION:
        raise UsageError(
            f"{path}: a score of version {file.score_version}, this program's is "
            f"{VERSION}: of another set or by another rule"
        )
    return file
