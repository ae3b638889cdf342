"""The paper's figures: depth, responses of stages, noisy labels, and masks of a run."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import data_title, mean_and_deviation
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

_ERROR = "test/error_percent"
_LOSS = "test/training_cross_entropy_nats"
# Gate -> (name, colour, marker).
_GATES = {
    "attention_residual": ("(1 + M) T, attention residual", COLOURS[0], "o"),
    "naive": ("M T, naive", COLOURS[1], "s"),
}
# Network -> (name, colour, marker).
_NETWORKS = {
    "attention": ("attention", COLOURS[0], "o"),
    "resnet": ("ResNet", COLOURS[1], "s"),
}
# CIFAR-10 error in percent, as the paper prints it; most of it from memory: see the
# claims in config.yaml.
PUBLISHED_DEPTH = {
    "attention_residual": {1: 5.52, 2: 4.99, 3: 4.44, 4: 4.31},
    "naive": {1: 5.89, 2: 5.35, 3: 5.57, 4: 7.18},
}
PUBLISHED_NOISE = {
    "attention": {10: 5.15, 30: 5.79, 50: 7.27, 70: 15.75},
    "resnet": {10: 5.93, 30: 6.61, 50: 8.35, 70: 17.21},
}


def draw_depth(runs) -> Figure:
    """Error and training loss against the number of modules, for both gates.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    plain = [run for run in runs if _is_of_depth_series(run)]
    title = data_title(runs[0].record)
    panels = [
        ("published, CIFAR-10", "test error, percent", PUBLISHED_DEPTH),
        (title, "test error, percent", _by_gate_and_depth(plain, _ERROR)),
        (title, "training loss, nats", _by_gate_and_depth(plain, _LOSS)),
    ]
    if not any(panels[1][2].values()):
        raise NothingToDraw("no run of attention or naive networks of any depth")
    return _draw_panels(panels, _GATES, "attention modules a stage, m")


def draw_noise(runs) -> Figure:
    """Error on clean test labels against the share of wrong training labels.

    Args:
        runs: as for `draw_depth`.
    """
    measured: dict[str, dict[int, list[float]]] = {name: {} for name in _NETWORKS}
    for run in runs:
        recipe = run.config()["recipe"]
        network = recipe["model"]["network"]
        if "_noise" in run.record.variant:
            percent = round(100 * recipe["data"]["label_noise"])
            _append(measured[network], percent, run, _ERROR)
    if not any(measured.values()):
        raise NothingToDraw("no run of the series with noisy labels")
    panels = [
        ("published, CIFAR-10", "test error, percent", PUBLISHED_NOISE),
        (data_title(runs[0].record), "test error, percent", measured),
    ]
    return _draw_panels(panels, _NETWORKS, "wrong training labels, percent")


def draw_responses(runs) -> Figure:
    """Mean |feature| at the end of each stage: naive masks weaken the signal.

    Args:
        runs: as for `draw_depth`.
    """
    curves: dict[tuple[int, str], list[list[float]]] = {}
    for run in runs:
        if _is_of_depth_series(run):
            model = run.config()["recipe"]["model"]
            responses = _stage_responses(run.record)
            curves.setdefault((model["modules"], model["gate"]), []).append(responses)
    if not curves:
        raise NothingToDraw("no run of attention or naive networks of any depth")
    depths = sorted({depth for depth, _ in curves})
    with figure_style():
        figure, axes = plt.subplots(
            1, len(depths), figsize=(2.6 * len(depths) + 1, 3.2), sharey=True,
            squeeze=False,
        )  # fmt: skip
        for axis, depth in zip(axes[0], depths, strict=True):
            for gate, (name, colour, marker) in _GATES.items():
                values = np.array(curves.get((depth, gate), []))
                if not len(values):
                    continue
                stages = np.arange(1, values.shape[1] + 1)
                axis.plot(
                    stages, values.mean(axis=0), color=colour, marker=marker, label=name
                )
                low, high = values.min(axis=0), values.max(axis=0)
                axis.fill_between(stages, low, high, color=colour, alpha=0.15, lw=0)
                axis.set_xticks(stages)
            axis.set_title(f"m = {depth}", fontsize=9)
            axis.set_xlabel("stage")
        axes[0, 0].set_yscale("log")
        # 0.5 and 2, not 5 x 10^-1 and 2 x 10^0.
        axes[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes[0, 0].yaxis.set_major_formatter("{x:g}")
        axes[0, 0].yaxis.set_minor_formatter(NullFormatter())
        axes[0, 0].set_ylabel("mean |feature| at its end")
        axes[0, 0].legend(fontsize=7)
        figure.suptitle(data_title(runs[0].record), fontsize=9)
    return figure


def draw_masks(images: np.ndarray, gates, variant: str) -> Figure:
    """Images, and of the lowest and highest module features, mask, masked features.

    Args:
        images: float (n, height, width, 3), stretched to the whole range for display.
        gates: two `GateMaps` for the same images.
    """
    titles = ["input"]
    for gate in gates:
        low, high = gate.mask.min(), gate.mask.max()
        titles += [
            f"{_spoken(gate.name)}\n|T|",
            f"mask M\n{low:.2f} to {high:.2f}",
            "|H|, masked",
        ]
    with figure_style():
        size = (1.15 * len(titles), 1.2 * len(images) + 0.7)
        figure, axes = plt.subplots(
            len(images), len(titles), figsize=size, squeeze=False
        )
        for row, image in enumerate(images):
            shown = _stretched(image)
            axes[row, 0].imshow(shown)
            for number, gate in enumerate(gates):
                cells = axes[row, 1 + 3 * number : 4 + 3 * number]
                cells[0].imshow(gate.before[row], cmap="cividis")
                _overlay(cells[1], shown, gate.mask[row], gate.mask)
                cells[2].imshow(gate.after[row], cmap="cividis")
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title, fontsize=7)
        for axis in axes.flat:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        figure.suptitle(
            f"{variant}: mean over channels, blue low, yellow high", fontsize=8
        )
    return figure


def _draw_panels(panels, series, label: str) -> Figure:
    """Panels of (title, y label, series -> x -> values): mean and deviation."""
    with figure_style():
        figure, axes = plt.subplots(1, len(panels), figsize=(3.1 * len(panels), 3.3))
        for axis, (title, unit, measured) in zip(axes, panels, strict=True):
            for key, (name, colour, marker) in series.items():
                points = sorted(measured[key].items())
                if not points:
                    continue
                places, values = zip(*points, strict=True)
                means, deviations = zip(
                    # A published number stands alone.
                    *(mean_and_deviation(np.atleast_1d(v)) for v in values),
                    strict=True,
                )
                axis.errorbar(
                    places, means, deviations,
                    color=colour, marker=marker, capsize=3, label=name,
                )  # fmt: skip
            axis.set_xticks(sorted({x for found in measured.values() for x in found}))
            axis.set_title(title, fontsize=8)
            axis.set_xlabel(label)
            axis.set_ylabel(unit)
        axes[0].title.set_color(MUTED)
        axes[0].legend(fontsize=7)
    return figure


def _by_gate_and_depth(runs, metric: str) -> dict[str, dict[int, list[float]]]:
    measured: dict[str, dict[int, list[float]]] = {gate: {} for gate in _GATES}
    for run in runs:
        model = run.config()["recipe"]["model"]
        _append(measured[model["gate"]], model["modules"], run, metric)
    return measured


def _append(measured: dict[int, list[float]], place: int, run, metric: str) -> None:
    entry = run.record.metrics.get(metric)
    if entry is not None and entry.value is not None:
        measured.setdefault(place, []).append(entry.value)


def _is_of_depth_series(run) -> bool:
    """attention56, naive164 and the like: all else as in the paper's main network."""
    prefix = run.record.variant.rstrip("0123456789")
    return prefix in ("attention", "naive") and "452" not in run.record.variant


def _stage_responses(record) -> list[float]:
    found, stage = [], 1
    while (name := f"test/stage{stage}_mean_absolute_response") in record.metrics:
        found.append(record.metrics[name].value)
        stage += 1
    return found


def _spoken(name: str) -> str:
    """stage1_module2 -> stage 1, module 2."""
    return (
        name.replace("_", ", ").replace("stage", "stage ").replace("module", "module ")
    )


def _stretched(image: np.ndarray) -> np.ndarray:
    low, high = image.min(), image.max()
    return (image - low) / max(high - low, 1e-6)


def _overlay(axis, image: np.ndarray, mask: np.ndarray, all_masks: np.ndarray) -> None:
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axis.imshow(image.mean(axis=-1), cmap="gray", extent=extent)
    axis.imshow(
        mask, cmap="cividis", alpha=0.65, extent=extent,
        vmin=all_masks.min(), vmax=all_masks.max(),
    )  # fmt: skip


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES: dict[str, Callable] = {
    "depth": draw_depth,
    "responses": draw_responses,
    "noise": draw_noise,
}
