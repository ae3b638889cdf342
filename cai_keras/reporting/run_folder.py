"""`<output>/<paper>/<scale>/<variant>/seed<k>/`: where everything of a run lies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError
from cai_keras.reporting.record import Record, read_record

RECORD = "record.json"


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run. Nothing is created until somebody writes."""

    path: Path

    @classmethod
    def of(cls, output: Path, paper: str, scale: str, run_name: str, seed: int):
        return cls(Path(output) / paper / scale / run_name / f"seed{seed}")

    @property
    def record_path(self) -> Path:
        return self.path / RECORD

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def progress(self) -> Path:
        """Pictures from while it trained: see `progress_pictures`."""
        return self.path / "progress"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tb"

    def record(self) -> Record | None:
        """The run's record, or None before the first one was written."""
        return read_record(self.record_path) if self.record_path.exists() else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process from writing into the same run.

        Raises:
            UsageError: another process holds it. The lock ends with its process.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    f"{self.path}: another process is writing this run"
                ) from None
            yield


def find_runs(output: Path) -> list[RunFolder]:
    """Every folder below `output` that holds a record, in sorted order."""
    return [RunFolder(path.parent) for path in sorted(Path(output).rglob(RECORD))]


def find_run(path: Path) -> RunFolder:
    """The run in `path`, or in the folder of the `record.json` that `path` names.

    Raises:
        UsageError: there is none; lists the nearest runs below `path`.
    """
    folder = path.parent if path.name == RECORD else path
    if (folder / RECORD).exists():
        return RunFolder(folder)
    below = find_runs(folder) if folder.is_dir() else []
    if below:
        raise UsageError(f"{path}: holds {len(below)} runs; name one: {below[0].path}")
    raise UsageError(f"{path}: no run here (expected a folder with {RECORD})")
