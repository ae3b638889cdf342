"""Reads an output folder of which parts may be damaged: the sound parts, and a list.

One damaged file must not hide the others, and must not go unnoticed either.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError
from cai_keras.reporting.claims import PaperClaims
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.foreign import ForeignResult, foreign_files, read_foreign
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder, find_runs


@dataclass(frozen=True)
class Findings:
    """What an output folder holds.

    Attributes:
        problems: one line for every file that could not be read.
    """

    runs: Sequence[FinishedRun]
    foreign: Sequence[ForeignResult]
    problems: Sequence[str]

    @property
    def records(self) -> list[Record]:
        return [run.record for run in self.runs]


def read_folder(output: Path, papers: Sequence[PaperClaims]) -> Findings:
    """Every run and every foreign result below `output`.

    Args:
        papers: whose claims foreign results may name.
    Raises:
        UsageError: `output` is no folder.
    """
    foreign = []
    runs, problems = read_sound_runs(output)
    for path in foreign_files(output):
        try:
            foreign += read_foreign(path, papers)
        except UsageError as error:
            problems.append(str(error))
    return Findings(runs, foreign, problems)


def read_sound_runs(output: Path) -> tuple[list[FinishedRun], list[str]]:
    """`sound_runs` of all runs below `output`.

    Raises:
        UsageError: `output` is no folder.
    """
    if not Path(output).is_dir():
        raise UsageError(f"{output}: no such folder; cai train writes one")
    return sound_runs(find_runs(output))


def sound_runs(folders: Iterable[RunFolder]) -> tuple[list[FinishedRun], list[str]]:
    """The runs whose records can be read, and a line for each of the others."""
    runs, problems = [], []
    for folder in folders:
        try:
            runs.append(FinishedRun(folder, folder.record()))
        except UsageError as error:
            problems.append(str(error))
    return runs, problems
