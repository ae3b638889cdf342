"""Figures over runs of two players, from curves that are made up."""

from types import SimpleNamespace

import pandas as pd
import pytest

from cai_keras.reporting.adversarial_figures import (
    draw_distance_curves,
    draw_player_losses,
)
from cai_keras.reporting.paper_figures import NothingToDraw


@pytest.fixture
def make_run(make_record):
    """Function from variant, seed and curves (metric -> values at 10, 20, ...)."""

    def make(variant, seed, steps_done=10, **curves):
        rows = [
            {"step": 10 * (index + 1), "metric": name, "value": value}
            for name, values in curves.items()
            for index, value in enumerate(values)
        ]
        table = pd.DataFrame(rows, columns=["step", "metric", "value"])
        record = make_record(variant=variant, seed=seed, steps_done=steps_done)
        return SimpleNamespace(record=record, metrics=lambda: table)

    return make


def losses(discriminator, generator):
    return {
        "train/discriminator/total": discriminator,
        "train/generator/adversarial": generator,
    }


def test_both_losses_are_means_over_seeds(make_run):
    runs = [
        make_run("gan", 0, **losses([1.0, 2.0], [0.0, 4.0])),
        make_run("gan", 1, **losses([3.0, 2.0], [0.0, 6.0])),
        make_run("other", 0, **losses([5.0], [5.0])),
    ]

    first, second = draw_player_losses(runs).axes

    assert (first.get_title(), second.get_title()) == ("gan", "other")
    assert [list(line.get_ydata()) for line in first.lines] == [[2, 2], [0, 5]]


def test_every_number_of_pictures_has_an_axis_of_its_own(make_run):
    name = "validation/fid_cai_vgg_500"
    runs = [
        make_run("a", 0, **{name: [9.0, 4.0]}),
        make_run("b", 0, **{name: [8.0, 2.0], "validation/fid_cai_vgg_2k": [3.0, 1.0]}),
        make_run("c", 0, **losses([1.0], [1.0])),
    ]

    few, many = reversed(draw_distance_curves(runs).axes)

    assert few.get_ylabel() == "Frechet distance: cai_vgg, 500 pictures"
    assert many.get_ylabel() == "Frechet distance: cai_vgg, 2k pictures"
    assert [line.get_label() for line in few.lines] == ["a", "b"]
    assert list(few.lines[1].get_ydata()) == [8, 2]
    assert [line.get_label() for line in many.lines] == ["b"]


@pytest.mark.parametrize("draw", [draw_player_losses, draw_distance_curves])
def test_runs_that_have_not_trained_give_nothing_to_draw(draw, make_run):
    curves = {**losses([1.0], [1.0]), "validation/fid_cai_vgg_500": [1.0]}

    with pytest.raises(NothingToDraw):
        draw([make_run("gan", 0, steps_done=0, **curves)])
