"""The paper's figures: curves by depth, error against depth, responses of layers."""

from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import (
    curves_of,
    data_title,
    draw_curve,
    mean_and_deviation,
    values_of,
)
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_LOSS = "train/classifier/cross_entropy"
_TEST = "test/top1_error_percent"
_TRAINING = "test/training_cross_entropy_nats"
_VALIDATION = "validation/top1_error_percent"
# Section 4.2: percent of the steps, and the rate from there on.
PAPER_RATE = ((0, 50, 75, 100), (0.1, 0.01, 0.001, 0.001))
_KINDS = {"none": "plain", "pad": "residual"}
# Test error on CIFAR-10 in percent: Table 6, ResNet by depth.
PUBLISHED = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}


def draw_curves(runs) -> Figure:
    """Training loss, plain networks left, residual ones right; a colour for each depth.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    series = _by_kind_and_depth(runs)
    depths = sorted({depth for by_depth in series.values() for depth in by_depth})
    with figure_style():
        figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True)
        for axis, (kind, name) in zip(axes, _KINDS.items(), strict=True):
            for depth, members in sorted(series[kind].items()):
                colour = COLOURS[depths.index(depth) % len(COLOURS)]
                draw_curve(axis, members, _LOSS, color=colour, label=f"{depth} layers")
            axis.set_title(name, fontsize=9)
            axis.set_xlabel("step")
            axis.legend(fontsize=8)
        axes[0].set_ylabel("training loss, nats")
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_depth(runs) -> Figure:
    """Test error and training loss against depth, plain and residual.

    Args:
        runs: as for `draw_curves`.
    """
    series = _by_kind_and_depth(runs)
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.3))
        axes[0].plot(
            list(PUBLISHED), list(PUBLISHED.values()), color=MUTED, marker="o", ms=4
        )
        axes[0].set_title("published, CIFAR-10, residual", fontsize=8)
        titles = (data_title(runs[0].record),) * 2
        units = ("test error, percent", "loss on training images, nats")
        for axis, metric, title, unit in zip(
            axes[1:], (_TEST, _TRAINING), titles, units, strict=True
        ):
            for number, (kind, name) in enumerate(_KINDS.items()):
                points = [
                    (depth, *mean_and_deviation(values))
                    for depth, members in sorted(series[kind].items())
                    if (values := values_of(members, metric))
                ]
                if points:
                    depths, means, spreads = zip(*points, strict=True)
                    axis.errorbar(
                        depths, means, spreads, marker="os"[number], ms=4, capsize=3,
                        color=COLOURS[1 - number], label=name,
                    )  # fmt: skip
            axis.set_title(title, fontsize=8)
            axis.set_ylabel(unit)
        axes[0].set_ylabel("test error, percent")
        for axis in axes:
            axis.set_xlabel("layers")
        axes[1].legend(fontsize=8)
    return figure


def draw_responses(runs) -> Figure:
    """Deviation of the response of every 3x3 layer, in order and sorted.

    Args:
        runs: as for `draw_curves`.
    """
    series = _by_kind_and_depth(runs)
    shown = [
        (f"{name}-{depth}", kind, depth, members)
        for kind, name in _KINDS.items()
        for depth, members in sorted(series[kind].items())
        if any(map(_responses, members))
    ]
    if not shown:
        raise NothingToDraw("no run has measured the responses of its layers")
    depths = sorted({depth for _, _, depth, _ in shown})
    with figure_style():
        figure, axes = plt.subplots(2, 1, figsize=(7, 5), sharey=True)
        for label, kind, depth, members in shown:
            measured = [found for run in members if (found := _responses(run))]
            values = np.mean(measured, axis=0)
            style = {
                "color": COLOURS[depths.index(depth) % len(COLOURS)],
                "linestyle": "--" if kind == "none" else "-",
                "label": label,
            }
            layers = np.arange(1, len(values) + 1)
            axes[0].plot(layers, values, **style)
            axes[1].plot(layers, np.sort(values)[::-1], **style)
        axes[0].set_xlabel("layer, in order")
        axes[1].set_xlabel("layer, sorted by its deviation")
        for axis in axes:
            axis.set_ylabel("deviation")
            axis.set_yscale("log", base=2)
            axis.yaxis.set_major_formatter("{x:g}")
        axes[0].legend(fontsize=8)
        figure.suptitle(
            f"responses of the 3x3 layers; {data_title(runs[0].record)}", fontsize=9
        )
    return figure


def draw_schedule(runs) -> Figure:
    """Error on held-out images during training, and the rate, beside the paper's.

    Args:
        runs: as for `draw_curves`.
    """
    members = [run for run in runs if (run.metrics().metric == _VALIDATION).any()]
    if not members:
        raise NothingToDraw("no run has measured errors during training")
    recipe = members[0].config()["recipe"]
    steps = members[0].record.steps_planned
    table = curves_of(members, _VALIDATION)
    with figure_style():
        figure, axes = plt.subplots(
            2, 1, figsize=(7, 5), sharex=True, height_ratios=(3, 1)
        )
        share = 100 * table.index / steps
        axes[0].plot(share, table.mean(axis=1), color=COLOURS[0], label="held out")
        axes[0].fill_between(
            share, table.min(axis=1), table.max(axis=1),
            color=COLOURS[0], alpha=0.15, linewidth=0,
        )  # fmt: skip
        ends = (
            (
                mean_and_deviation(values_of(members, _TEST))[0],
                COLOURS[0],
                "test, ours",
            ),
            (PUBLISHED[20], MUTED, "test, published"),
        )
        for error, colour, label in ends:
            axes[0].axhline(error, color=colour, linestyle=":", label=label)
        axes[0].set_ylabel("error, percent")
        axes[0].set_ylim(0)
        axes[0].legend(fontsize=8)
        optimizer = recipe["train"]["optimizers"]["classifier"]
        ours = rates_of(optimizer, steps)
        axes[1].plot(np.linspace(0, 100, len(ours)), ours, color=COLOURS[0])
        axes[1].step(*PAPER_RATE, where="post", color=MUTED, linestyle="--")
        axes[1].set_ylabel("rate")
        axes[1].set_yscale("log")
        axes[1].set_ylim(1e-4, 0.3)
        axes[1].set_xlabel(f"percent of all steps: {steps:,}, in the paper 64,000")
        figure.suptitle(
            f"{members[0].record.variant}, {data_title(runs[0].record)}", fontsize=9
        )
    return figure


def rates_of(optimizer: dict, steps: int, points: int = 400) -> np.ndarray:
    """Learning rate of a cosine schedule with a warm-up, from the first step on.

    Args:
        optimizer: the recipe's settings.
    """
    schedule, peak = optimizer["schedule"], optimizer["learning_rate"]
    if schedule["name"] != "cosine":
        raise NothingToDraw(f"the schedule {schedule['name']} is not drawn")
    step, warm = np.linspace(0, steps, points), schedule["warmup_steps"]
    done = np.clip((step - warm) / (steps - warm), 0, 1)
    last = schedule["final_fraction"]
    falling = last + (1 - last) * 0.5 * (1 + np.cos(np.pi * done))
    return peak * np.where(step < warm, step / max(warm, 1), falling)


def _responses(run) -> list[float]:
    return run.record.series.get("response_deviation", [])


def _by_kind_and_depth(runs) -> dict[str, dict[int, list]]:
    """Trained runs of the nets for small images: shortcut -> depth -> runs."""
    series: dict = {kind: defaultdict(list) for kind in _KINDS}
    for run in runs:
        model = run.config()["recipe"]["model"]
        is_of_series = model["network"] == "cifar" and model["shortcut"] in _KINDS
        # Another schedule is another experiment.
        is_other = not run.record.steps_done or run.record.variant.endswith("_hour")
        if is_of_series and not is_other:
            series[model["shortcut"]][model["depth"]].append(run)
    if not any(series.values()):
        raise NothingToDraw("no plain or residual network for small images was trained")
    return series


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "curves": draw_curves,
    "depth": draw_depth,
    "responses": draw_responses,
    "schedule": draw_schedule,
}
