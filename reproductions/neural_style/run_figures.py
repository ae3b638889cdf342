"""What the figure of one run shows: its photograph, its style and its pictures."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from . import figures
from .evaluate import Scene, shown

_LARGE = 2.2  # inches of a picture that is worth a closer look


def pictures(study: str, done: Sequence, scene: Scene) -> Figure:
    """All pictures of a run beside what they were made from."""
    made = [(minimised.job.title, shown(minimised.picture)) for minimised in done]
    content, style = ("content", scene.content), ("style", scene.style())
    if study == "reconstructions":
        half = len(made) // 2
        return figures.draw_pictures([[content, *made[:half]], [style, *made[half:]]])
    if study == "styles":
        styles = list(scene.styles.items())[: len(made)]
        return figures.draw_pictures([[content, *styles], [None, *made]], _LARGE)
    return figures.draw_pictures([[content, style, *made]])
