"""Figures of affinities and policies, of published files and of our own runs alike."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.cluster.hierarchy import dendrogram

from cai_keras.reporting.style import COLOURS, MUTED, figure_style

from .policy import Policy
from .similarity import AffinityMatrix, TaskTree

# Figure 7: bright is far, red is near.
_NEAR_IS_RED = LinearSegmentedColormap.from_list("near", ["#8c1a11", "#e8b9a4", "#fff"])


def draw_matrix(matrix: AffinityMatrix, title: str) -> Figure:
    """Figure 7: how well each source (column) transfers to each target (row)."""
    rows, columns = matrix.values.shape
    with figure_style():
        figure, axis = plt.subplots(figsize=(2.4 + 0.24 * columns, 1.8 + 0.24 * rows))
        image = axis.imshow(matrix.dissimilarities(), cmap=_NEAR_IS_RED, vmin=0, vmax=1)
        axis.set_xticks(range(columns), _labels(matrix.sources), rotation=90)
        axis.set_yticks(range(rows), _labels(matrix.targets))
        axis.tick_params(labelsize=7, length=0)
        axis.grid(False)
        axis.set_xlabel("source")
        axis.set_ylabel("target")
        axis.set_title(title, fontsize=9)
        bar = figure.colorbar(image, ax=axis, shrink=0.6)
        bar.set_label("exp(-20 P): lower is a better transfer", fontsize=8)
    return figure


def draw_tree(tree: TaskTree, groups: int, title: str) -> Figure:
    """Figure 14: Ward's tree of the sources, a colour for each of so many groups."""
    count = len(tree.sources)
    # Between the heights at which `groups` and one fewer are left.
    merges = tree.merges[:, 2]
    limit = (merges[count - groups - 1] + merges[count - groups]) / 2
    with figure_style():
        figure, axis = plt.subplots(figsize=(1.5 + 0.28 * count, 3.8))
        drawn = dendrogram(tree.merges, labels=_labels(tree.sources), no_plot=True,
                           color_threshold=limit)  # fmt: skip
        for x, y, colour in zip(
            drawn["icoord"], drawn["dcoord"], drawn["color_list"], strict=True
        ):
            number = int(colour[1:])  # C0 is what joins the groups
            is_inside = number > 0
            shown = COLOURS[(number - 1) % len(COLOURS)] if is_inside else MUTED
            axis.plot(x, y, color=shown, linewidth=1.3)
        axis.set_xticks(5 + 10 * np.arange(count), drawn["ivl"], rotation=90)
        axis.tick_params(axis="x", labelsize=7, length=0)
        axis.set_ylim(0)
        axis.set_ylabel("distance (Ward)")
        axis.set_title(title, fontsize=9)
    return figure


def draw_policies(policies: Mapping[str, Policy], tasks: Sequence[str]) -> Figure:
    """Figures 8 and 9: what each target is learned from, a panel for each policy.

    Networks that are trained stand on the left, targets on the right; a line leads
    from each source to what is learned on its features. A filled target is served by
    its own network.

    Args:
        policies: title -> policy.
        tasks: in the order from top to bottom.
    """
    place = {name: -n for n, name in enumerate(tasks)}
    with figure_style():
        figure, axes = plt.subplots(
            1, len(policies), figsize=(3.6 * len(policies), 1 + 0.19 * len(tasks)),
            squeeze=False, sharey=True,
        )  # fmt: skip
        for axis, (title, policy) in zip(axes[0], policies.items(), strict=True):
            _draw_policy(axis, policy, place)
            axis.set_title(title, fontsize=9)
    return figure


def _draw_policy(axis, policy: Policy, place: Mapping[str, int]) -> None:
    colours = {s: COLOURS[n % len(COLOURS)] for n, s in enumerate(policy.trained)}
    targets = {t.target for t in policy.transfers}
    for name in place:
        if name in colours:
            axis.plot(0, place[name], "s", ms=6, color=colours[name])
        if name in colours or name in targets:
            continue
        axis.plot(1, place[name], "x", ms=4, color=MUTED)
    for transfer in policy.transfers:
        height = place[transfer.target]
        if transfer.is_self:
            axis.plot(1, height, "o", ms=6, color=colours[transfer.target])
            continue
        axis.plot(1, height, "o", ms=6, mfc="white", mec=MUTED, zorder=3)
        for source in transfer.sources:
            axis.plot(
                [0, 1], [place[source], height], color=colours[source], linewidth=1.1,
                alpha=1 if transfer.order == 1 else 0.6,
            )  # fmt: skip
    axis.set_xlim(-0.15, 1.15)
    axis.set_xticks([0, 1], ["trained", "target"])
    axis.set_yticks(list(place.values()), _labels(place))
    axis.tick_params(labelsize=7, length=0)
    axis.grid(False)


def draw_budgets(
    budgets: Sequence[int],
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    bands: Mapping[str, np.ndarray],
    title: str,
) -> Figure:
    """Figure 11: Quality and Gain of the best policies against the budget.

    Args:
        curves: metric -> name of a curve -> a value for each budget, in percent.
        bands: metric -> float (budgets, 2), 2.5 and 97.5 % of random policies.
    """
    with figure_style():
        figure, axes = plt.subplots(1, len(curves), figsize=(7.6, 3.3), squeeze=False)
        for axis, (metric, lines) in zip(axes[0], curves.items(), strict=True):
            low, high = np.asarray(bands[metric]).T
            axis.fill_between(budgets, low, high, color=MUTED, alpha=0.35, lw=0,
                              label="random policies, 95 %")  # fmt: skip
            for number, (name, values) in enumerate(lines.items()):
                axis.plot(budgets, values, marker="o", ms=3, label=name,
                          color=COLOURS[number])  # fmt: skip
            axis.set_xlabel("budget: networks trained")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_ylabel(f"{metric}: win rate, percent")
            axis.set_ylim(0, 100)
        axes[0][0].legend(fontsize=8)
        figure.suptitle(title, fontsize=9)
    return figure


def _labels(names) -> list[str]:
    return [name.replace("_", " ") for name in names]
