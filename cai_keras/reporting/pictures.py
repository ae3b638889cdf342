"""Figures as PNG and SVG bytes."""

import io
from collections.abc import Iterable

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def _png(figure: Figure) -> bytes:
    """At 150 dots per inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()


def _svg(figure: Figure) -> bytes:
    """Its text is text, for search and for screen readers.

    Neither a date nor random ids: equal data give equal files.
    """
    buffer = io.BytesIO()
    settings = {"svg.hashsalt": "cai", "svg.fonttype": "none"}
    with matplotlib.rc_context(settings):
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", metadata={"Date": None}
        )
    return buffer.getvalue()


# By the ending of the file.
FORMATS = {"png": _png, "svg": _svg}


def picture_bytes(figure: Figure, formats: Iterable[str]) -> dict[str, bytes]:
    """The figure in each of these of FORMATS; closes it."""
    try:
        return {form: FORMATS[form](figure) for form in formats}
    finally:
        plt.close(figure)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG; closes it."""
    return picture_bytes(figure, ["png"])["png"]
