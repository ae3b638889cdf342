"""SAGAN's figures over runs: what they show, and when there is nothing to draw."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder
from reproductions.sagan import figures


@pytest.fixture
def make_run(make_record):
    """Function from variant, seed, values and series to a finished run."""

    def make(variant, values, seed=0, **series):
        metrics = {
            f"test/{name}": Metric.of(value, 10, {"features": "cai_vgg"})
            for name, value in values.items()
        }
        record = make_record(variant=variant, seed=seed, series=series)
        record = record.model_copy(update={"metrics": metrics})
        losses = pd.DataFrame(
            {"step": [1, 2], "metric": "train/discriminator/total",
             "value": [2.0, 1.0 + seed]}
        )  # fmt: skip
        return SimpleNamespace(
            record=record,
            config=lambda: {"recipe": {"data": {"classes": 2}}},
            metrics=lambda: losses,
            folder=RunFolder(Path("no such folder")),
        )

    return make


def test_distances_are_drawn_from_the_worst_variant_with_the_floor(make_run):
    floor = {"log10_frechet_distance_of_real": -1.0}
    runs = [
        make_run("attention32", {"log10_frechet_distance": 1.0, **floor}),
        make_run("attention32", {"log10_frechet_distance": 2.0, **floor}, seed=1),
        make_run("none32", {"log10_frechet_distance": 3.0, **floor}),
    ]

    (axis,) = figures.draw_distances(runs).axes

    assert [text.get_text() for text in axis.get_yticklabels()] == [
        "none32", "attention32",
    ]  # fmt: skip
    points = [line for line in axis.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points[1].get_xdata(), [10, 100])
    np.testing.assert_allclose(axis.lines[-1].get_xdata(), [0.1, 0.1])
    assert "cai_vgg" in axis.get_xlabel()


def test_accuracies_stand_before_chance(make_run):
    runs = [
        make_run("matching_attention", {"accuracy_percent": 96.0}),
        make_run("matching_residual", {"accuracy_percent": 54.0}),
    ]

    (axis,) = figures.draw_matching(runs).axes

    np.testing.assert_array_equal(axis.lines[-1].get_xdata(), [50, 50])


def test_singular_values_are_means_over_seeds_by_layer(make_run):
    def run(seed, discriminator, variant="no_sn"):
        return make_run(
            variant, {}, seed, discriminator_singular_values=discriminator,
            generator_singular_values=[1.0],
        )  # fmt: skip

    runs = [run(0, [1.0, 4.0]), run(1, [3.0, 6.0]), run(0, [9.0], "residual32")]

    upper, lower = figures.draw_singular_values(runs).axes

    (line,) = upper.lines
    np.testing.assert_allclose(line.get_ydata(), [2, 5])
    assert line.get_label() == "no spectral norm"
    np.testing.assert_allclose(lower.lines[0].get_ydata(), [1])


def test_losses_are_those_of_variants_with_and_without_the_stabilisers(make_run):
    runs = [make_run("attention32", {}, seed) for seed in (0, 1)]
    runs += [make_run("equal_rates", {}), make_run("residual32", {})]

    (axis,) = figures.draw_losses(runs).axes

    assert [line.get_label() for line in axis.lines[:2]] == [
        "spectral norm in both, two rates", "spectral norm in both, one rate",
    ]  # fmt: skip
    # Last step: 1 and 2.
    assert axis.lines[0].get_ydata()[-1] == pytest.approx(1.5)


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_other_runs_give_nothing_to_draw(name, make_run):
    with pytest.raises(NothingToDraw):
        figures.FIGURES[name]([make_run("imagenet_none", {})])
