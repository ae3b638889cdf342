"""One look for all figures: colours that colour-blind readers can tell apart."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import matplotlib

# Okabe and Ito's palette, without its yellow, which is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
RIGHT, WRONG, MUTED = "#009E73", "#D55E00", "#999999"

_SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
}


_DASHES = ("-", "--", ":")  # of more lines than colours


def line_styles(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Name -> colour and dashes of its line, unlike those of all others up to 21."""
    return {
        name: {
            "color": COLOURS[number % len(COLOURS)],
            "ls": _DASHES[number // len(COLOURS) % len(_DASHES)],
        }
        for number, name in enumerate(names)
    }


@contextmanager
def figure_style() -> Iterator[None]:
    """Draws without a display, in the project's style."""
    matplotlib.use("Agg")
    with matplotlib.rc_context(_SETTINGS):
        yield
