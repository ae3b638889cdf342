"""What a loader says about the data that it found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadedData:
    """A data set in the record's terms.

    Attributes:
        name: decided by the content and not by the path.
        version: of the builder or the files.
        examples: number of examples by split.
        digest: of the decoded content, where the loader computes one.
    """

    name: str
    version: str
    examples: dict[str, int]
    digest: str | None = None
