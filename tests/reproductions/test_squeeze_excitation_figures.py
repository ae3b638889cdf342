"""SENet figures over runs: which runs they show, and when there is nothing to draw."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.training.classifier import ErrorCounts
from reproductions.squeeze_excitation import figures
from reproductions.squeeze_excitation.evaluate import Findings


@pytest.fixture
def make_run(make_record):
    """Function from ratio, error and seed to a finished run of one network."""

    def make(ratio, error, seed=0, network="net", variant="v", steps=2):
        record = make_record(
            {"test/top1_error_percent": error}, variant=variant, seed=seed,
            steps_done=steps, parameters={"classifier": {"trainable": 5, "total": 6}},
        )  # fmt: skip
        gates = None if ratio is None else {"ratio": ratio}
        model = {"network": network, "excitation": gates}
        losses = pd.DataFrame(
            {"step": [1, 2], "metric": "train/classifier/cross_entropy",
             "value": [2.0, 1.0 + seed]}
        )  # fmt: skip
        return SimpleNamespace(
            record=record,
            config=lambda: {"recipe": {"model": model}},
            metrics=lambda: losses,
        )

    return make


def test_the_ratio_figure_has_means_and_deviations_over_seeds(make_run):
    runs = [make_run(4, 10.0, 0), make_run(4, 14.0, 1), make_run(2, 9.0)]
    runs += [make_run(None, 20.0)]

    (axis,) = figures.draw_ratios(runs).axes

    line = axis.containers[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [2, 4])
    np.testing.assert_array_equal(line.get_ydata(), [9.0, 12.0])
    (bars,) = axis.containers[0].lines[2]
    # 10 and 14: mean 12, deviation sqrt(8).
    low, high = bars.get_segments()[1][:, 1]
    assert (high - low) / 2 == pytest.approx(np.sqrt(8))


def test_training_curves_have_one_panel_for_each_network_with_both_kinds(make_run):
    runs = [make_run(None, 9.0, seed) for seed in (0, 1)]
    runs += [make_run(16, 9.0), make_run(4, 9.0), make_run(16, 9.0, network="lone")]

    (axis,) = figures.draw_training_curves(runs).axes

    assert axis.get_title() == "net"
    without, gated = axis.lines
    np.testing.assert_array_equal(without.get_ydata(), [2.0, 1.5])
    np.testing.assert_array_equal(gated.get_ydata(), [2.0, 1.0])


def test_a_wider_twin_is_the_same_networks_baseline(make_run):
    runs = [
        make_run(None, 9.0, network="convs_wide"),
        make_run(2, 9.0, network="convs"),
    ]

    (axis,) = figures.draw_training_curves(runs).axes

    assert axis.get_title() == "convs"


def test_panels_are_in_the_order_of_depth_and_wrap_after_four(make_run):
    names = ["resnet110", "resnet56", "resnet20", "resnet9", "convs"]
    runs = [
        make_run(ratio, 9.0, network=name) for name in names for ratio in (None, 16)
    ]

    axes = figures.draw_training_curves(runs).axes

    titles = [axis.get_title() for axis in axes]
    assert titles == ["convs", "resnet9", "resnet20", "resnet56", "resnet110"]
    tops = [round(axis.get_position().y1, 3) for axis in axes]
    assert tops[:4] == [tops[0]] * 4
    assert tops[4] < tops[0]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (figures.draw_ratios, "several reduction ratios"),
        (figures.draw_training_curves, "with and without gates"),
    ],
)
def test_untrained_runs_and_other_recipes_are_nothing_to_draw(make_run, draw, message):
    runs = [
        make_run(16, 9.0),
        make_run(4, 9.0, steps=0),
        make_run(8, 9.0, variant="x_released"),
        make_run(None, 9.0, variant="x_early"),
    ]

    with pytest.raises(NothingToDraw, match=message):
        draw(runs)


def test_the_excitation_figure_has_four_classes_and_their_mean_for_every_stage():
    sums = np.array([[0.2, 0.4], [0.0, 0.0], [0.6, 0.8], [0.5, 0.5], [0.1, 0.1]])
    counts = np.array([1, 0, 1, 1, 1])
    gates = {"stage1_block1_end": sums, "stage2_block1_end": sums}

    figure = figures.draw_excitations(Findings(ErrorCounts(2), counts, gates), "title")

    assert len(figure.axes) == 2
    *classes, every = figure.axes[0].lines
    labels = [line.get_label() for line in classes]
    assert labels == ["class 0", "class 2", "class 3", "class 4"]
    np.testing.assert_allclose(every.get_ydata(), [0.35, 0.45])
