"""Reads an output folder of which parts may be damaged: the sound parts, and a list.

One damaged file must not hide the others, and must not go unnoticed either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError
from cai_keras.reporting.claims import PaperClaims
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.foreign import ForeignResult, foreign_files, read_foreign
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import find_runs


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
    if not Path(output).is_dir():
        raise UsageError(f"{output}: no such folder; cai train writes one")
    runs, foreign, problems = [], [], []
    for folder in find_runs(output):
        try:
            runs.append(FinishedRun(folder, folder.record()))
        except UsageError as error:
            problems.append(str(error))
    for path in foreign_files(output):
        try:
            foreign += read_foreign(path, papers)
        except UsageError as error:
            problems.append(str(error))
    return Findings(runs, foreign, problems)
