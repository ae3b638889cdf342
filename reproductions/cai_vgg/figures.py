"""Figures over runs: error against parameters, by depth and kernel."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import by_variant, data_title, values_of
from cai_keras.reporting.style import COLOURS, figure_style

_ERROR = "test/top1_error_percent"
# Variant -> what it is called; in the order of Table 1.
NAMES = {
    "depth11": "11 layers",
    "depth13": "13 layers",
    "depth16": "16 layers",
    "kernels5x5": "8 layers, 5 x 5",
}


def draw_depth(runs) -> Figure:
    """Test errors against parameters: a point for each seed, a bar at the mean.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = by_variant(runs)
    if not found.keys() & NAMES.keys():
        raise NothingToDraw(f"none of {', '.join(NAMES)} was trained")
    with figure_style():
        figure, axis = plt.subplots(figsize=(5.2, 3.4))
        for (variant, name), colour in zip(NAMES.items(), COLOURS, strict=False):
            members = found.get(variant)
            if not members:
                continue
            millions = members[0].record.parameters["classifier"].trainable / 1e6
            errors = values_of(members, _ERROR)
            axis.plot([millions] * len(errors), errors, "o", color=colour, ms=4)
            mean = sum(errors) / len(errors)
            axis.plot(
                [millions], [mean], "_", color=colour, ms=22, mew=2, label=name
            )  # fmt: skip
        axis.set_xlabel("million parameters")
        axis.set_ylabel("test error, percent")
        axis.legend(fontsize=8)
        axis.set_title(data_title(runs[0].record), fontsize=9)
    return figure


FIGURES = {"depth": draw_depth}
