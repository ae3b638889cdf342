"""Figures over many runs: outputs side by side, columns, floors, learning curves.

The networks themselves are needed where outputs are shown, so that TensorFlow is
loaded when such a figure is drawn, and not when this module is.
"""

from collections.abc import Callable
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_groups import curves_of
from cai_keras.reporting.style import COLOURS, MUTED, figure_style

from . import theory
from .pictures import show

_NUM_IMAGES = 4
_MSE = "test/mse"
_LOSS = "train/network/mse"
# A family keeps its colour in all figures; those of one family differ in their line.
_FAMILIES = {
    "zero padding": COLOURS[5],
    "zero padding, coordinates": COLOURS[0],
    "circular padding": COLOURS[1],
    "U-Net": COLOURS[3],
    "attention": COLOURS[2],
}


def draw_grid(runs) -> Figure:
    """Rows: input, target, and the output of the first seed of each variant.

    One block for each kind of images among the runs (luminance, colour, noise).
    """
    blocks = {}
    for run in _first_seeds(runs):
        blocks.setdefault(_data(run)["signal"], []).append(run)
    if not blocks:
        raise NothingToDraw("no run has mirrored images")
    count = max(map(len, blocks.values())) + 2
    with figure_style():
        size = (len(blocks) * (0.7 * _NUM_IMAGES + 1.2), 0.7 * count + 0.3)
        figure = plt.figure(figsize=size)
        parts = figure.subfigures(1, len(blocks), squeeze=False)[0]
        for part, (signal, members) in zip(parts, blocks.items(), strict=True):
            _draw_block(part, signal, members, count)
    return figure


def draw_columns(runs) -> Figure:
    """Error of each column, with the floor of each radius of position-aware nets."""
    members = [run for run in runs if _data(run)["signal"] == "noise" and _trained(run)]
    if not members:
        raise NothingToDraw("no network has mirrored white noise")
    profiles: dict[str, list[np.ndarray]] = {}
    for run in members:
        errors = _squared_errors(run)
        profiles.setdefault(run.record.variant, []).append(errors.mean((0, 1, 3)))
    models = {run.record.variant: _model(run) for run in members}
    panels = _by_panel(profiles, models)
    with figure_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(3.4 * len(panels), 3.6), sharey=True, squeeze=False
        )
        for axis, (title, names) in zip(axes[0], panels.items(), strict=True):
            for name, colour in zip(names, cycle(COLOURS), strict=False):
                values = np.mean(profiles[name], axis=0)
                columns = np.arange(len(values))
                axis.plot(columns, values, marker="o", ms=3, color=colour,
                          label=name.removeprefix("noise_"))  # fmt: skip
                floors = _column_floors(models[name], len(values))
                if floors is not None:
                    axis.plot(columns, floors, "--", color=colour, lw=1)
            axis.set_title(title, fontsize=9)
            axis.set_xlabel("output column")
            axis.set_xticks(columns[::3])
            axis.legend(fontsize=7, loc="upper center", ncols=2)
            axis.set_ylim(-0.05, 1.45)
        axes[0, 0].set_ylabel("MSE (dashed: floor)")
    return figure


def draw_floors(runs) -> Figure:
    """Final error against the radius of the receptive field, over the floors."""
    points: dict[str, list[tuple[int, float]]] = {}
    for run in runs:
        metric = run.record.metrics.get(_MSE)
        model = _model(run)
        is_stack = model["network"] == "convolutions"
        if _data(run)["signal"] == "noise" and is_stack and metric:
            radius = theory.reach_of(model["dilations"])
            points.setdefault(_family(model), []).append((radius, metric.value))
    if not points:
        raise NothingToDraw(f"no stack of convolutions has measured {_MSE} on noise")
    width = _data(runs[0])["side"]
    radii = np.arange(0, width)
    aware = [theory.position_aware_floor(width, radius) for radius in radii]
    equivariant = [theory.shift_equivariant_floor(width, radius) for radius in radii]
    with figure_style():
        figure, axis = plt.subplots(figsize=(6, 4))
        axis.step(radii, aware, where="post", color="black", lw=1,
                  label="floor with positions")  # fmt: skip
        axis.step(radii, equivariant, where="post", color=MUTED, lw=1, ls="--",
                  label="floor of circular shifts")  # fmt: skip
        for (family, values), marker in zip(points.items(), cycle("os^D")):
            x, y = np.array(values).T
            axis.plot(x, y, marker, ms=6, alpha=0.7, color=_FAMILIES[family],
                      label=family)  # fmt: skip
        axis.set_xlabel("radius of the receptive field, pixels")
        axis.set_ylabel("test MSE on white noise (variance 1)")
        axis.set_ylim(bottom=-0.03)
        axis.legend(fontsize=8, loc="lower left")
        axis.set_title(_floor_title(points, width), fontsize=9)
    return figure


def floor_correlation(points, width: int) -> float | None:
    """Correlation of mean errors with the floors over the radii; None below three.

    Args:
        points: (radius, MSE) of networks that know positions.
    """
    table = pd.DataFrame(points, columns=["radius", "mse"])
    means = table.groupby("radius").mse.mean()
    if len(means) < 3:
        return None
    floors = [theory.position_aware_floor(width, radius) for radius in means.index]
    return theory.correlation(means, floors)


def draw_steps(runs) -> Figure:
    """Training error against the step, a panel for each family."""
    trained: dict[str, list] = {}
    for run in runs:
        if _data(run)["signal"] == "noise" and _trained(run):
            trained.setdefault(run.record.variant, []).append(run)
    tables = {name: curves_of(members, _LOSS) for name, members in trained.items()}
    tables = {name: table for name, table in tables.items() if len(table)}
    if not tables:
        raise NothingToDraw("no training on white noise was logged")
    models = {name: _model(trained[name][0]) for name in tables}
    panels = _by_panel(tables, models)
    with figure_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(3.4 * len(panels), 3.4), sharey=True, squeeze=False
        )
        for axis, (title, names) in zip(axes[0], panels.items(), strict=True):
            for name, colour in zip(names, cycle(COLOURS), strict=False):
                table = tables[name]
                axis.plot(table.index, table.mean(axis=1), color=colour,
                          label=name.removeprefix("noise_"))  # fmt: skip
                axis.fill_between(table.index, table.min(axis=1), table.max(axis=1),
                                  color=colour, alpha=0.15, lw=0)  # fmt: skip
            axis.set_title(title, fontsize=9)
            axis.set_xlabel("step")
            axis.legend(fontsize=7)
            axis.set_ylim(-0.03, 1.6)
        axes[0, 0].set_ylabel("training MSE, white noise")
    return figure


def _draw_block(part, signal: str, runs, count: int) -> None:
    images, value_range = _test_images(runs[0])
    images = images[:_NUM_IMAGES]
    rows = [("input", images), ("target", images[:, :, ::-1])]
    for run in runs:
        variant = run.record.variant.removeprefix(f"{signal}_")
        mse = run.record.metrics[_MSE].value
        rows.append((f"{variant}\n{mse:.3f}", _mirror(run)(images)))
    axes = part.subplots(count, _NUM_IMAGES)
    for line in axes[len(rows) :].flat:
        line.axis("off")
    for line, (label, pictures) in zip(axes, rows, strict=False):
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        for axis, picture in zip(line, pictures, strict=True):
            show(axis, picture, value_range)
    part.suptitle(f"{signal}, {runs[0].record.dataset.name}: test MSE", fontsize=9)


def _floor_title(points, width: int) -> str:
    aware = points.get("zero padding, coordinates", [])
    value = floor_correlation(aware, width)
    if value is None:
        return "Errors on white noise against what a receptive field allows"
    return f"With coordinates: correlation with the floors {value:.3f}"


def _by_panel(names, models) -> dict[str, list[str]]:
    """Variants of the networks with local kernels by family, and the global ones."""
    panels: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: _place(models[name])):
        family = _family(models[name])
        shared = {"attention": "global", "U-Net": "global"}
        shared["circular padding"] = "zero padding"  # both without coordinates
        titles = {
            "zero padding": "convolutions",
            "zero padding, coordinates": "convolutions with coordinates",
            "global": "U-Net and attention",
        }
        panels.setdefault(titles[shared.get(family, family)], []).append(name)
    return panels


def _place(model) -> tuple:
    """Where a network stands in legends and rows: local ones first, by their reach."""
    families = list(_FAMILIES)
    positions = ("none", None, "learned", "sinusoidal").index(model["position"])
    return (
        families.index(_family(model)),
        theory.reach_of(model["dilations"]),
        positions,
    )


def _family(model) -> str:
    if model["network"] == "unet":
        return "U-Net"
    if model["network"] == "attention":
        return "attention"
    if model["padding"] == "circular":
        return "circular padding"
    return "zero padding" + (", coordinates" if model["coordinates"] else "")


def _column_floors(model, width: int) -> np.ndarray | None:
    """Dashed lines: of stacks of convolutions, the circular ones all columns alike."""
    if model["network"] != "convolutions":
        return None
    radius = theory.reach_of(model["dilations"])
    if model["padding"] == "circular":
        return np.full(width, theory.shift_equivariant_floor(width, radius))
    return theory.column_floors(width, radius)


def _first_seeds(runs) -> list:
    """The first seed of every variant that mirrors and was trained."""
    first = {}
    for run in sorted(runs, key=lambda run: run.record.seed):
        if _trained(run) and _model(run)["network"] != "classifier":
            first.setdefault(run.record.variant, run)
    return sorted(first.values(), key=lambda run: _place(_model(run)))


def _squared_errors(run) -> np.ndarray:
    from .evaluate import squared_errors

    return squared_errors(_mirror(run), _test_images(run)[0])


def _mirror(run) -> Callable[[np.ndarray], np.ndarray]:
    """The run's exported network as a function of images."""
    import keras

    from .evaluate import predictor

    path = run.folder.checkpoints / "network.keras"
    if not path.exists():
        raise NothingToDraw(f"{path}: the trained network is not there any more")
    return predictor(keras.saving.load_model(path, compile=False))


def _test_images(run) -> tuple[np.ndarray, float | None]:
    from types import SimpleNamespace

    from .data import load

    data = load(SimpleNamespace(**_data(run)))
    return data.test, data.value_range


def _trained(run) -> bool:
    return bool(run.record.parameters)


def _data(run) -> dict:
    return run.config()["recipe"]["data"]


def _model(run) -> dict:
    return run.config()["recipe"]["model"]


# Figures over all runs of one scale and data set, for `cai figure`.
FIGURES = {
    "grid": draw_grid,
    "columns": draw_columns,
    "floors": draw_floors,
    "steps": draw_steps,
}
