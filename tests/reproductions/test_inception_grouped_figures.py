"""Figures of inception_grouped: which runs they show, and when there are none."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cai_keras.cli.papers import claims_of, find_paper
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.inception_grouped import figures, run_figures


@pytest.fixture
def make_run(make_record):
    """Function from a variant, metrics and a seed to a finished run."""

    def make(variant, metrics=None, seed=0, steps=2, cardinality=1, form=None):
        record = make_record(
            {f"test/{name}": value for name, value in (metrics or {}).items()},
            variant=variant, seed=seed, steps_done=steps,
        )  # fmt: skip
        losses = pd.DataFrame(
            {"step": range(1, steps + 1), "metric": "train/classifier/cross_entropy",
             "value": [float(seed + k) for k in range(steps, 0, -1)]}
        )  # fmt: skip
        recipe = {"model": {"cardinality": cardinality}, "evaluate": {"form": form}}
        return SimpleNamespace(
            record=record, config=lambda: {"recipe": recipe}, metrics=lambda: losses
        )

    return make


def errors(value):
    return {"top1_error_percent": value}


def test_the_published_curves_are_the_claims_own_numbers():
    claims = claims_of(find_paper("inception_grouped")).claims
    values = {claim.variant: claim.value for claim in claims if claim.kind == "value"}

    for layers, errors_of_name in figures.PUBLISHED.items():
        depth = layers.partition(" ")[0]
        for name, error in errors_of_name.items():
            assert values[f"imagenet_resnext{depth}_{name}"] == error


def test_the_cardinality_figure_has_means_and_deviations_over_seeds(make_run):
    runs = [make_run("trunk_32x4d", errors(10.0), 0)]
    runs += [
        make_run("trunk_32x4d", errors(14.0), 1),
        make_run("trunk_1x64d", errors(20.0)),
    ]
    runs += [make_run("lone_1x64d", errors(1.0)), make_run("trunk_other", errors(1.0))]

    published, ours = figures.draw_cardinality(runs).axes

    assert [line.get_label() for line in published.lines] == ["50 layers", "101 layers"]
    assert ours.get_title().startswith("trunk\n")
    line = ours.containers[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [1, 32])
    np.testing.assert_array_equal(line.get_ydata(), [20.0, 12.0])
    (bars,) = ours.containers[0].lines[2]
    # 10 and 14: mean 12, deviation sqrt(8).
    low, high = bars.get_segments()[1][:, 1]
    assert (high - low) / 2 == pytest.approx(np.sqrt(8))


def test_runs_of_one_log_line_only_show_that_a_network_runs(make_run):
    runs = [
        make_run(f"trunk_{name}", errors(1.0), steps=1) for name in ("1x64d", "32x4d")
    ]

    with pytest.raises(NothingToDraw, match="several cardinalities"):
        figures.draw_cardinality(runs)
    with pytest.raises(NothingToDraw, match="two trained variants"):
        figures.draw_curves(runs)


def test_curves_are_in_the_order_of_cardinality_with_a_band_over_seeds(make_run):
    names = ("32x4d", "8x14d", "1x64d")
    runs = [make_run(f"trunk_{name}", seed=seed) for name in names for seed in (0, 4)]

    (axis,) = figures.draw_curves(runs).axes

    assert [line.get_label() for line in axis.lines] == ["1x64d", "8x14d", "32x4d"]
    # Losses 2, 1 and 6, 5.
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [4.0, 3.0])
    edges = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (1.0, 6.0)


def test_forms_are_drawn_as_they_were_trained(make_run):
    runs = [make_run("forms_grouped"), make_run("forms_summed", form="summed")]
    runs += [make_run("forms_joined_trained"), make_run("forms_summed_trained")]

    (axis,) = figures.draw_curves(runs).axes

    labels = [line.get_label() for line in axis.lines]
    assert labels == ["grouped", "joined", "summed"]


def test_the_cost_figure_has_a_point_for_every_run_and_the_line_of_the_count(make_run):
    found = {"multiply_adds_percent": 25.0, "step_time_percent": 40.0}
    runs = [
        make_run("cost_groups_4", found, seed=seed, cardinality=4) for seed in (0, 1)
    ]
    runs += [make_run("cost_inception_naive", found)]

    (axis,) = figures.draw_cost(runs).axes

    ideal, counted, timed = axis.lines
    np.testing.assert_array_equal(ideal.get_xdata(), [1, 4])
    np.testing.assert_array_equal(ideal.get_ydata(), [100, 25])
    np.testing.assert_array_equal(counted.get_ydata(), [25.0, 25.0])
    np.testing.assert_array_equal(timed.get_ydata(), [40.0, 40.0])


def test_the_confusion_figure_has_the_means_over_seeds(make_run):
    def confusion(share):
        names = [
            f"spacing{a}_taken_for_{b}_percent" for a in (2, 3, 4) for b in (2, 3, 4)
        ]
        values = np.array([[100, 0, 0], [0, share, 100 - share], [0, 0, 100]])
        return dict(zip(names, values.ravel().astype(float), strict=True)) | errors(
            share
        )

    runs = [
        make_run("lines_three", confusion(share), seed)
        for seed, share in enumerate((50, 60))
    ]
    runs += [make_run("lines_inception", confusion(100.0))]

    module, alone = figures.draw_scale_confusion(runs).axes

    assert module.get_title().startswith("Inception module")
    assert alone.get_title() == "3x3 alone\nerror 55.0 %"
    np.testing.assert_array_equal(
        alone.images[0].get_array(), [[100, 0, 0], [0, 55, 45], [0, 0, 100]]
    )


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (figures.draw_cost, "grouped convolutions"),
        (figures.draw_scale_confusion, "paired lines"),
    ],
)
def test_other_runs_are_nothing_to_draw(make_run, draw, message):
    with pytest.raises(NothingToDraw, match=message):
        draw([make_run("trunk_1x64d")])


def test_bars_stack_the_branches_of_every_module():
    figure = run_figures.draw_branches(
        {"3a": {"1x1": 10, "3x3": 30}, "3b": {"1x1": 20, "3x3": 5}}, "title"
    )

    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["40", "25"]
    assert [bar.get_height() for bar in axis.containers[1]] == [30, 5]
    assert [bar.get_y() for bar in axis.containers[1]] == [10, 20]


def test_line_images_are_framed_by_whether_they_are_answered_right():
    images = np.random.default_rng(0).normal(size=(14, 8, 8, 1))
    labels = np.arange(14) % 6

    figure = run_figures.draw_line_images(
        lambda shown: np.eye(6)[np.zeros(len(shown), int)],
        lambda: iter([(images, labels)]),
    )

    frames = [axis.spines["left"].get_edgecolor() for axis in figure.axes]
    titles = [axis.get_title() for axis in figure.axes]
    assert len(frames) == 12
    assert frames[0] == frames[6] != frames[1]
    assert titles[:3] == ["2 px, vertical", "2 px, horizontal", "3 px, vertical"]
