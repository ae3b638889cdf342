"""Finished runs, as figures and tables read them. No TensorFlow here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from cai_keras.errors import UsageError
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FinishedRun:
    """A run folder with its record; the rest is read when asked for."""

    folder: RunFolder
    record: Record

    def config(self) -> dict[str, Any]:
        """The resolved `config.yaml` as plain data.

        Raises:
            UsageError: there is none, or it is no YAML mapping.
        """
        path = self.folder.config_path
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise UsageError(f"{path}: cannot be read ({reason})") from None
        if not isinstance(values, dict):
            raise UsageError(f"{path}: not the resolved config.yaml of a run")
        return values

    def metrics(self) -> "pd.DataFrame":
        """metrics.csv: columns step, metric, value.

        Raises:
            UsageError: there is none, or it has not these columns.
        """
        import pandas as pd

        path = self.folder.metrics_path
        try:
            table = pd.read_csv(path, dtype={"step": "int64", "value": "float64"})
            return table[["step", "metric", "value"]]
        # Bytes that are no text, no columns at all and other types are ValueErrors.
        except (OSError, ValueError, KeyError):
            raise UsageError(
                f"{path}: expected a table with the columns step, metric, value"
            ) from None


def group_runs(runs: Iterable[FinishedRun]) -> dict[tuple[str, str, str], list]:
    """Finished runs by paper, scale and data set's name."""
    groups: dict[tuple[str, str, str], list[FinishedRun]] = {}
    for run in runs:
        if run.record.state == "done":
            key = (run.record.paper, run.record.scale, run.record.dataset.name)
            groups.setdefault(key, []).append(run)
    return groups
