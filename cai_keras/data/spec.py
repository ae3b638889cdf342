"""Data specs: `tfds:NAME[/CONFIG]`, `folder:PATH`, `embedded:NAME[/CONFIG]`."""

from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError, nearest

KINDS = ("tfds", "folder", "embedded")


@dataclass(frozen=True)
class DataSpec:
    """Where examples come from.

    Attributes:
        kind: `tfds`, `folder` or `embedded`.
        value: what follows the colon: a TFDS name, a path, an embedded set's name; a
            name may have a config after a slash.
    """

    kind: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "DataSpec":
        """Reads a spec; raises UsageError with the forms that exist."""
        kind, colon, value = text.partition(":")
        if not colon or not value:
            forms = "tfds:NAME[/CONFIG], folder:PATH or embedded:NAME"
            raise UsageError(f"data spec {text!r}: expected {forms}")
        if kind not in KINDS:
            raise UsageError(f"data spec {text!r}: {kind!r}; {nearest(kind, KINDS)}")
        return cls(kind, value)

    @property
    def folder(self) -> Path:
        """The folder of a `folder:` spec.

        Raises:
            UsageError: there is no such folder.
        """
        path = Path(self.value).expanduser()
        if not path.is_dir():
            raise UsageError(f"data spec {self}: no folder {path}")
        return path.resolve()

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"
