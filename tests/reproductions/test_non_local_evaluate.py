"""Accuracy over views, and which weights a query position has."""

from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.layers.non_local import NonLocal
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.non_local import attention, data, figures
from reproductions.non_local.evaluate import accuracies
from reproductions.non_local.model import build_network

PAPER = find_paper("non_local")


class Views:
    """Batches of clips that are their own logits."""

    def __init__(self, count, *batches):
        self.count, self.batches = count, batches

    def __iter__(self):
        for logits, labels, owners in self.batches:
            yield {
                "clip": np.array(logits, "float32"),
                "label": np.array(labels),
                "owner": np.array(owners),
            }


def identity(classes):
    inputs = keras.Input((classes,))
    return keras.Model(inputs, inputs * 1.0)


def test_the_softmax_is_averaged_over_views_and_not_the_logits():
    # Softmax of (0, 9): (0.0, 1.0); twice (1.5, 0): (0.82, 0.18). The mean is (0.54,
    # 0.46), class 0; the mean of the logits would be (1, 3), class 1.
    views = Views(1, ([[0, 9], [1.5, 0]], [0, 0], [0, 0]), ([[1.5, 0]], [0], [0]))

    found = accuracies(identity(2), views, batch_size=2)

    assert found["top1_accuracy_percent"].value == 100.0
    assert found["top1_accuracy_percent"].count == 1


def test_top_1_and_top_5_count_examples_whose_views_come_apart():
    # Six classes. Example 0: its class has rank 1; 1: rank 2; 2: rank 6; 3: rank 5.
    ranks = np.arange(6, 0, -1).astype(float)
    views = Views(
        4,
        ([ranks, ranks, ranks], [0, 1, 5], [0, 1, 2]),
        ([ranks], [4], [3]),
    )

    found = accuracies(identity(6), views, batch_size=3)

    assert found["top1_accuracy_percent"].value == 25.0
    assert found["top5_accuracy_percent"].value == 75.0
    assert found["top5_accuracy_percent"].count == 4


def test_a_network_that_knows_nothing_is_not_right_by_accident():
    views = Views(2, (np.zeros((2, 6)), [0, 3], [0, 1]))

    assert accuracies(identity(6), views, 2)["top1_accuracy_percent"].value == 0.0


def test_five_classes_are_always_among_the_best_five():
    views = Views(2, (np.eye(2, 5), [4, 3], [0, 1]))

    assert accuracies(identity(5), views, 2)["top5_accuracy_percent"].value == 100.0


# Weights of a query


@pytest.mark.parametrize(
    ("variant", "kind"),
    [("c2d_r50_nl5", "spacetime"), ("c2d_r50_nl5_space", "space"),
     ("c2d_r50_nl5_time", "time"), ("image_nl1", "spacetime")],
)  # fmt: skip
def test_a_look_has_the_weights_of_its_queries(variant, kind):
    recipe = PAPER.recipe("smoke", variant)
    network = build_network(recipe)
    loaded = data.load(recipe, seed=0)

    looks = attention.look(recipe, network, loaded)

    frames = 8 if variant.startswith("c2d") else 1
    side = 4 if frames == 8 else 8
    assert looks.map_shape == (frames, side, side)
    assert looks.frames.shape[:2] == (4, frames)
    # A softmax: the weights of a query add up to one, wherever it may look.
    np.testing.assert_allclose(looks.weights.sum(axis=(1, 2, 3)), 1.0, rtol=1e-5)
    t, y, x = looks.queries[0]
    elsewhere = looks.weights[0].copy()
    if kind == "space":
        elsewhere[t] = 0
        assert not elsewhere.any()
    if kind == "time":
        elsewhere[:, y, x] = 0
        assert not elsewhere.any()


def test_rows_of_a_spacetime_block_are_found_by_frame_row_and_column():
    block = NonLocal(subsample=True)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6, 8)).astype("float32")
    block.build(x.shape)
    rows = np.asarray(block.attention_weights(x))

    found = attention.weights_of(rows, "spacetime", (3, 4, 6), 1, (2, 1, 5))

    # Query (2 * 4 + 1) * 6 + 5 = 59; keys 3 x 2 x 3.
    np.testing.assert_array_equal(found, rows[1, 59].reshape(3, 2, 3))


def test_the_striking_position_is_where_a_video_differs_from_its_ground():
    frames = np.full((2, 8, 8, 3), 100, np.uint8)
    frames[1, 6, 3] = 0

    found = attention.striking_position(frames, (2, 4, 4))

    # Row 6 and column 3 of 8 are row 3 and column 1 of 4.
    np.testing.assert_array_equal(found, [1, 3, 1])


def test_at_most_20_arrows_go_to_the_largest_positive_weights():
    weights = np.linspace(1, -1, 50).reshape(1, 5, 10)

    found = attention._top_keys(weights)

    assert len(found) == 20
    assert found[0] == ((0, 0, 0), 1.0)
    assert [key for key, _ in found][:3] == [(0, 0, 0), (0, 0, 1), (0, 0, 2)]
    assert len(attention._top_keys(np.eye(3)[None])) == 3


# Figures over runs


@pytest.fixture
def run(make_record):
    """Function from a variant, a seed and accuracies to a finished run."""

    def make(variant, seed, tested, validated=()):
        rows = [(step, "validation/top1_accuracy_percent", v) for step, v in validated]
        values = {} if tested is None else {"test/top1_accuracy_percent": tested}
        record = make_record(values, variant=variant, seed=seed)
        return SimpleNamespace(
            record=record,
            config=lambda: {"recipe": {"data": {"num_classes": 2}}},
            metrics=lambda: pd.DataFrame(rows, columns=["step", "metric", "value"]),
        )

    return make


def test_curves_are_means_over_the_seeds(run):
    runs = [run("a", 0, 60, [(1, 50.0), (2, 60.0)]), run("a", 1, 60, [(1, 54.0)])]

    figure = figures.draw_curves(runs)

    line = figure.axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [1])  # where both were measured
    np.testing.assert_array_equal(line.get_ydata(), [52.0])
    plt.close(figure)


def test_accuracies_show_every_seed(run):
    figure = figures.draw_accuracies([run("a", 0, 60.0), run("a", 1, 70.0)])

    points, mean, *_ = figure.axes[0].lines
    np.testing.assert_array_equal(points.get_xdata(), [60.0, 70.0])
    np.testing.assert_array_equal(mean.get_xdata(), [65.0, 65.0])
    plt.close(figure)


def test_nothing_is_drawn_of_runs_that_measured_nothing(run):
    with pytest.raises(NothingToDraw, match="no run was validated"):
        figures.draw_curves([run("a", 0, 60.0)])
    with pytest.raises(NothingToDraw, match="no run has measured"):
        figures.draw_accuracies([run("a", 0, None)])
