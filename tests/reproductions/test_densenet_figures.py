"""DenseNet's figures: which runs they show, and what is drawn of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.densenet import figures

PAPER = find_paper("densenet")


@pytest.fixture
def make_run(make_record):
    def make(variant, seed=0, error=50.0, parameters=72_000, cost=8.0, steps=5):
        recipe = PAPER.recipe("small", variant)
        record = make_record(
            {
                "test/top1_error_percent": error,
                "test/training_cross_entropy_nats": error / 100,
                "test/multiply_adds_millions": cost,
            },
            variant=variant, seed=seed, steps_done=steps,
            parameters={"classifier": {"trainable": parameters, "total": parameters}},
        )  # fmt: skip
        table = pd.DataFrame(
            {"step": [1, 2], "metric": "train/classifier/cross_entropy",
             "value": [2.0, error / 100]}
        )  # fmt: skip
        return SimpleNamespace(
            record=record,
            config=lambda: {"recipe": recipe.values},
            metrics=lambda: table,
        )

    return make


def test_efficiency_has_a_point_for_each_net_with_its_mean_over_seeds(make_run):
    runs = [
        make_run("cifar10plus_densenet_bc22_k12", 0, 40.0),
        make_run("cifar10plus_densenet_bc22_k12", 1, 44.0),
        make_run("cifar10plus_densenet_bc22_k4", 0, 60.0, parameters=9_000, cost=1.0),
        make_run("cifar10plus_resnet20_w8", 0, 50.0, cost=2.0),
        make_run("cifar10plus_densenet40_k12", 0, 30.0, parameters=270_000),
        # Not trained as long, or on something else.
        make_run("cifar10plus_densenet_bc100_k12", 0, 90.0, steps=1),
        make_run("cifar10_densenet40_k12", 0, 20.0),
    ]

    published, by_parameters, by_cost = figures.draw_efficiency(runs).axes

    assert [len(line.get_xdata()) for line in published.lines] == [3, 3, 2]
    drawn = [container.lines[0] for container in by_parameters.containers]
    points = [(list(line.get_xdata()), list(line.get_ydata())) for line in drawn]
    assert points == [
        ([0.009, 0.072], [60.0, 42.0]), ([0.27], [30.0]), ([0.072], [50.0])
    ]  # fmt: skip
    assert list(by_cost.containers[0].lines[0].get_xdata()) == [1.0, 8.0]
    texts = [text.get_text() for text in by_parameters.texts]
    assert texts == ["k=4", "k=12", "k=8", "w=8"]


def test_curves_show_the_nets_of_equal_parameters(make_run):
    runs = [
        make_run("cifar10plus_chain22", 0, 70.0),
        make_run("cifar10plus_densenet_bc22_k12", 0, 40.0),
        make_run("cifar10plus_densenet_bc22_k12", 1, 44.0),
        make_run("cifar10plus_resnet20_w16", 0, 30.0),
    ]

    curves, errors, losses = figures.draw_curves(runs).axes

    dense, chain = curves.lines
    assert dense.get_label() == "DenseNet-BC, 72,000 parameters"
    np.testing.assert_allclose(dense.get_ydata(), [2.0, 0.42])
    np.testing.assert_allclose(chain.get_ydata(), [2.0, 0.7])
    assert [list(line.get_ydata()) for line in errors.lines] == [[40, 44], [70]]
    np.testing.assert_allclose(losses.lines[0].get_ydata(), [0.4, 0.44])


def test_a_column_of_the_heat_map_is_shown_over_its_largest():
    matrix = np.array([[2.0, 1.0], [np.nan, 4.0]])

    first, second, _ = figures.draw_reuse([matrix, 3 * matrix], "title").axes

    for axis in (first, second):
        shown = axis.images[0].get_array()
        np.testing.assert_allclose(shown.filled(-1), [[1, 0.25], [-1, 1]])
        (frame,) = axis.patches
        assert (frame.get_x(), frame.get_width()) == (0.5, 1)
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "trans."]
    assert second.get_xticklabels()[-1].get_text() == "class."


@pytest.mark.parametrize(
    ("variant", "steps"),
    [("cifar100_densenet40_k12", 5), ("cifar10plus_densenet40_k12_untrained", 0)],
)
def test_without_trained_nets_there_is_nothing_to_draw(make_run, variant, steps):
    runs = [make_run(variant, steps=steps)]

    for draw in figures.FIGURES.values():
        with pytest.raises(NothingToDraw):
            draw(runs)
