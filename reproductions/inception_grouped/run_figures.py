"""Figures of one run: branches of modules, the task of paired lines."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cai_keras.reporting.style import COLOURS, RIGHT, WRONG, figure_style

from .data import DIRECTIONS, SPACINGS


def draw_branches(parameters: Mapping[str, Mapping[str, int]], title: str) -> Figure:
    """Parameters of each branch of each module, one bar a module.

    Args:
        parameters: module -> branch -> number.
    """
    modules = list(parameters)
    table = pd.DataFrame(parameters).T
    with figure_style():
        figure, axis = plt.subplots(figsize=(6.5, 3.2))
        below = np.zeros(len(modules))
        for branch, colour in zip(table, COLOURS, strict=False):
            axis.bar(modules, table[branch], bottom=below, color=colour, label=branch)
            below += table[branch].to_numpy()
        for place, total in enumerate(below):
            axis.annotate(
                f"{total:,.0f}", (place, total), xytext=(0, 2), ha="center",
                textcoords="offset points", fontsize=7,
            )  # fmt: skip
        axis.yaxis.set_major_formatter("{x:,.0f}")
        axis.set_xlabel("Inception module")
        axis.set_ylabel("parameters")
        axis.grid(axis="x", visible=False)
        axis.legend(title="branch", fontsize=8, title_fontsize=8)
        figure.suptitle(title, fontsize=9)
    return figure


def draw_line_images(predict: Callable, test: Callable, rows=2, columns=6) -> Figure:
    """Test images with the right answer, framed by whether the network gives it.

    Args:
        predict: images -> logits of six classes.
        test: gives (images, labels), images (n, height, width, 1) of any range.
    """
    images, labels = (part[: rows * columns] for part in next(iter(test())))
    answers = np.asarray(predict(images)).argmax(axis=1)
    with figure_style():
        figure, axes = plt.subplots(rows, columns, figsize=(1.3 * columns, 1.5 * rows))
        for axis, image, label, answer in zip(
            axes.flat, images, labels, answers, strict=True
        ):
            axis.imshow(image[..., 0], cmap="gray", interpolation="nearest")
            axis.set_title(_class_name(label), fontsize=8)
            _frame(axis, RIGHT if answer == label else WRONG)
        figure.suptitle(
            "spacing and direction (green frame: answered right, orange: wrong)",
            fontsize=8,
        )
    return figure


def _class_name(label: int) -> str:
    return f"{SPACINGS[label // 2]} px, {DIRECTIONS[label % 2]}"


def _frame(axis, colour: str) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_color(colour)
        spine.set_linewidth(2.0)
