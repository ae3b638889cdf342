"""Figures of one run: stylised or enlarged test pictures, beside other methods'."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.style import figure_style

from .evaluate import StyleEvaluation, terms_of
from .resolution import ResolutionEvaluation, compare, middle_part

_ROWS = 4


def stylised(evaluation: StyleEvaluation) -> Figure:
    """Test pictures, the style, the network's pictures and those of L-BFGS."""
    optimisation = evaluation.optimisation
    contents = dict(list(optimisation.contents.items())[:_ROWS])
    ours = [evaluation.stylised(x) for x in optimisation.contents.values()]
    theirs = [search.picture for search in optimisation.searches.values()]
    values = terms_of(optimisation, ours)["objective"]
    columns = ("content", "style", "network", "L-BFGS")
    with figure_style():
        figure, axes = plt.subplots(
            len(contents), 4, figsize=(9, 2.4 * len(contents)), squeeze=False
        )
        for row, (line, (name, content)) in enumerate(
            zip(axes, contents.items(), strict=True)
        ):
            pictures = (content, optimisation.style, ours[row], theirs[row])
            for axis, picture in zip(line, pictures, strict=True):
                _show(axis, picture)
            best = optimisation.searches[name].best
            line[0].set_ylabel(name)
            line[2].set_xlabel(f"objective {values[row]:.3g}, one pass", fontsize=8)
            line[3].set_xlabel(
                f"objective {best[-1]:.3g}, {len(best)} evaluations", fontsize=8
            )
        for axis, title in zip(axes[0], columns, strict=True):
            axis.set_title(title)
    return figure


def enlarged(evaluation: ResolutionEvaluation) -> Figure:
    """A part of the first test pictures: original, bicubic and the network's."""
    found = dict(list(evaluation.enlarged().items())[:_ROWS])
    with figure_style():
        figure, axes = plt.subplots(
            len(found), 4, figsize=(9, 2.5 * len(found)), squeeze=False
        )
        for line, (name, one) in zip(axes, found.items(), strict=True):
            _show(line[0], one.original)
            line[0].set_ylabel(name)
            parts = [middle_part(x) for x in (one.original, one.bicubic, one.ours)]
            for axis, part in zip(line[1:], parts, strict=True):
                _show(axis, part)
            for axis, picture in zip(line[2:], (one.bicubic, one.ours), strict=True):
                scores = compare(picture, one.original, evaluation.factor)
                axis.set_xlabel(
                    f"{scores['psnr_y']:.2f} dB, SSIM {scores['ssim_y']:.3f}, "
                    f"sharpness {scores['sharpness']:.2f}",
                    fontsize=7,
                )
        titles = ("original", "a part of it", "bicubic", "network")
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title)
        figure.suptitle(f"enlarged {evaluation.factor} times", fontsize=9)
    return figure


def _show(axis, picture: np.ndarray) -> None:
    axis.imshow(np.clip(picture, 0, 1), interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
