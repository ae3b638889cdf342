"""Finished runs, as figures and tables read them. No TensorFlow here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cai_keras.errors import UsageError
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder, find_runs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FinishedRun:
    """A run folder with its record; the rest is read when asked for."""

    folder: RunFolder
    record: Record

    def config(self) -> dict[str, Any]:
        """The resolved `config.yaml` as plain data."""
        return yaml.safe_load(self.folder.config_path.read_text(encoding="utf-8"))

    def metrics(self) -> "pd.DataFrame":
        """metrics.csv: columns step, metric, value."""
        import pandas as pd

        return pd.read_csv(self.folder.metrics_path)


def read_runs(output: Path, paper: str | None = None) -> list[FinishedRun]:
    """All runs below `output`, or those of one paper; every state is included.

    Raises:
        UsageError: `output` is no folder, or a record in it is damaged.
    """
    if not Path(output).is_dir():
        raise UsageError(f"{output}: no such folder; cai train writes one")
    runs = [FinishedRun(folder, folder.record()) for folder in find_runs(output)]
    return [run for run in runs if paper in (None, run.record.paper)]


def group_runs(runs: Iterable[FinishedRun]) -> dict[tuple[str, str, str], list]:
    """Finished runs by paper, scale and data set's name."""
    groups: dict[tuple[str, str, str], list[FinishedRun]] = {}
    for run in runs:
        if run.record.state == "done":
            key = (run.record.paper, run.record.scale, run.record.dataset.name)
            groups.setdefault(key, []).append(run)
    return groups
