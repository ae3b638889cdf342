"""Figures: fields by gradient and formula, bars, curves, and what is not drawn."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from cai_keras.networks.dilated_context import DILATIONS
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.dilated_context import figures, run_figures
from reproductions.dilated_context.data import LabelledImages
from reproductions.dilated_context.views import Tiles, View

IOU = "test/mean_iou_percent"
NEAR, FAR = "test/in_sight_accuracy_percent", "test/out_of_sight_accuracy_percent"


@pytest.fixture
def make_run(make_record):
    """Function from variant, values and a context module to a finished run."""

    def make(variant, values, start=None, seed=0, dilation=4, multiple=1, losses=()):
        context = start and {
            "initializer": start,
            "dilations": [1, dilation],
            "multiples": [multiple] * 2,
        }
        stages = {"front_end": 2, "context": 2, "joint": 0}
        rows = [(step, "train/context/cross_entropy", v) for step, v in losses]
        recipe = {
            "data": {"num_classes": 8},
            "model": {"context": context, "stages": stages},
        }
        return SimpleNamespace(
            record=make_record(
                values, variant=variant, seed=seed, steps_planned=20,
                data="context_scenes",
            ),
            config=lambda: {"recipe": recipe},
            metrics=lambda: pd.DataFrame(rows, columns=["step", "metric", "value"]),
        )  # fmt: skip

    return make


def bars_of(axis):
    """Variant -> length of its bar, from the bottom up."""
    names = [label.get_text() for label in axis.get_yticklabels()]
    return dict(zip(names, [p.get_width() for p in axis.patches], strict=True))


# Of a run


def test_gradient_and_formula_agree_on_every_layer_of_the_paper():
    # Table 1, and without dilation two pixels more a layer.
    for dilations, expected in (
        (DILATIONS, [3, 5, 9, 17, 33, 65, 67, 67]),
        ((1,) * 7, [3, 5, 7, 9, 11, 13, 15, 15]),
    ):
        fields = list(run_figures.fields_of(dilations, side=71))
        assert [size for _, size in fields] == expected
        for paths, size in fields:
            rows = np.flatnonzero((paths > 0).any(axis=1))
            assert len(rows) == size == np.ptp(rows) + 1
            assert (paths > 0).sum() == size**2
            assert rows.mean() == 35


def test_the_figure_has_a_panel_for_every_layer_with_and_without_dilation():
    figure = run_figures.draw_fields((1, 2))

    titles = [axis.get_title().splitlines() for axis in figure.axes]
    assert [first for first, _ in titles] == [
        "1: 3x3, dilation 1", "2: 3x3, dilation 2", "3: 1x1",
        "1: 3x3, dilation 1", "2: 3x3, dilation 1", "3: 1x1",
    ]  # fmt: skip
    assert titles[1][1] == "gradient 7, formula 7"
    # The frame is drawn around the pixels that are seen.
    frame = figure.axes[1].patches[0]
    shown = figure.axes[1].images[0].get_array()
    assert frame.get_width() == (shown > 0).any(axis=0).sum() == 7
    assert frame.get_x() + 0.5 == np.flatnonzero((shown > 0).any(axis=0))[0]


@pytest.mark.parametrize("context", [None, "some"])
def test_segmentations_show_the_front_end_and_the_whole_network(context):
    images = tf.zeros((7, 4, 4, 3), tf.uint8)
    labels = tf.concat([tf.zeros((7, 2, 4), tf.uint8), tf.ones((7, 2, 4), tf.uint8)], 1)
    read = lambda n: (tf.gather(images, n), tf.gather(labels, n))  # noqa: E731
    view = View(0, 1, (0.0, 0.0, 0.0), 1.0)
    tiles = Tiles(LabelledImages(7, read), view, (4, 4))
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(4, 1)(inputs))
    # The front end says class 0 everywhere, the whole network class 1.
    network.set_weights([np.zeros((1, 1, 3, 4)), np.array([1.0, 0.0, 0.0, 1.0])])

    figure = run_figures.draw_examples(network, tiles, SimpleNamespace(context=context))

    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    expected = ["image", "labels", "front end", "with context"]
    assert titles == expected[: 4 if context else 3]
    colours = run_figures.palette(2)
    front_end = figure.axes[2].images[0].get_array()
    np.testing.assert_array_equal(front_end[0, 0], colours[0])
    assert figure.axes[2].get_xlabel() == "50 % right"
    if context:
        whole = figure.axes[3].images[0].get_array()
        np.testing.assert_array_equal(whole[0, 0], colours[1])


@pytest.mark.parametrize("classes", [2, 8, 21])
def test_every_class_has_a_colour_of_its_own(classes):
    colours = run_figures.palette(classes)

    used = {tuple(colour) for colour in colours[[*range(classes), 255]]}
    assert len(used) == classes + 1
    assert tuple(colours[255]) == (0, 0, 0)


# Over runs


def test_bars_are_means_over_seeds_from_the_smallest_to_the_largest(make_run):
    runs = [make_run("a", {IOU: 30.0}, seed=0), make_run("a", {IOU: 40.0}, seed=1)]
    runs += [make_run("b", {IOU: 10.0})]

    (axis,) = figures.draw_mean_iou(runs).axes

    assert bars_of(axis) == {"b": 10.0, "a": 35.0}
    assert axis.get_title() == "context_scenes (stand-in), small scale"


def test_sight_has_the_same_variants_in_both_panels(make_run):
    runs = [
        make_run("a", {NEAR: 90.0, FAR: 15.0}),
        make_run("b", {NEAR: 20.0, FAR: 30}),
    ]
    runs += [make_run("c", {NEAR: 50.0})]

    near, far = figures.draw_sight(runs).axes

    assert bars_of(near) == {"b": 20.0, "a": 90.0}
    assert [p.get_width() for p in far.patches] == [30.0, 15.0]
    # Chance among the seven classes of things.
    (chance,) = [line for line in far.lines if line.get_linestyle() == ":"]
    assert chance.get_xdata()[0] == pytest.approx(100 / 7)


def test_curves_are_means_by_initialisation_from_the_modules_first_step(make_run):
    # 20 steps, half of them the front end's.
    ours = [
        make_run(
            "voc_basic", {}, "identity", seed, losses=[(12, 1.0), (14, 0.5 + seed)]
        )
        for seed in (0, 1)
    ]
    xavier = make_run("voc_basic_xavier", {}, "glorot_uniform", losses=[(12, 2.0)])

    (axis,) = figures.draw_initialisations([*ours, xavier]).axes

    first, second = axis.lines
    assert first.get_label() == "identity (Equation 4)"
    np.testing.assert_array_equal(first.get_xdata(), [2, 4])
    np.testing.assert_array_equal(first.get_ydata(), [1.0, 1.0])
    assert second.get_label() == "Xavier"
    np.testing.assert_array_equal(second.get_ydata(), [2.0])


@pytest.mark.parametrize(
    ("variant", "more"),
    [
        ("voc_basic_xavier_early", {}),
        ("voc_basic_xavier_untrained", {}),
        ("voc_basic_undilated", {"dilation": 1}),
        ("voc_large_xavier", {"multiple": 2}),
        ("cityscapes_dilation10", {}),
    ],
)
def test_curves_are_of_the_whole_training_of_the_basic_module(make_run, variant, more):
    losses = [(12, 1.0)]
    runs = [make_run("voc_basic", {}, "identity", losses=losses)]
    runs += [make_run(variant, {}, "glorot_uniform", losses=losses, **more)]

    with pytest.raises(NothingToDraw, match="from several initialisations"):
        figures.draw_initialisations(runs)


@pytest.mark.parametrize("draw", [figures.draw_mean_iou, figures.draw_sight])
def test_without_a_measurement_there_is_nothing_to_draw(make_run, draw):
    with pytest.raises(NothingToDraw, match="no run has measured test/"):
        draw([make_run("a", {})])
