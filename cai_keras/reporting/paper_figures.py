"""A paper's figures as data: which there are, and what they show."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cai_keras.errors import CaiError

OURS = "ours: "
_PRINTED = ("Figure ", "Table ", "Section ")


class NothingToDraw(CaiError):  # noqa: N818  (no error: the other figures are drawn)
    """Raised by a drawing function whose runs have nothing that it could show.

    The message says why, in one line.
    """


class PaperFigure(BaseModel):
    """One figure that a paper's code draws, by itself from records or checkpoints.

    Attributes:
        id: unique in the paper's file; its file name, and what `cai figure` takes.
        of: `run`, drawn from a run's checkpoint, or `runs`, drawn over all runs of one
            scale and data set.
        source: what of the paper it is drawn after, such as `Figure 5`; or what it is,
            after `ours: `.
        caption: one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    of: Literal["run", "runs"]
    source: str
    caption: Annotated[str, Field(min_length=1)]

    @field_validator("source")
    @classmethod
    def _names_its_place(cls, source: str) -> str:
        if not source.startswith((*_PRINTED, OURS)):
            raise ValueError("expected 'Figure 5', a table or section, or 'ours: ...'")
        return source
