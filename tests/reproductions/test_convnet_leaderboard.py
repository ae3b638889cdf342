"""The leaderboard: its table, what is counted and timed, and its figures."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.training.multiply_adds import count_multiply_adds
from reproductions.convnet_leaderboard import evaluate, experiment, figures
from reproductions.convnet_leaderboard.networks import IMAGENET, SMALL
from reproductions.convnet_leaderboard.published import published

PAPER = find_paper("convnet_leaderboard")
# Of keras.applications, with what is not trained: keras-io's table.
KERAS = {
    "keras_inception_v3": 23_851_784,
    "keras_xception": 22_910_480,
    "keras_inception_resnet_v2": 55_873_736,
    "keras_nasnet_large": 88_949_818,
    "keras_mobilenet": 4_253_864,
    "keras_mobilenet_v2": 3_538_984,
}


def network(variant, scale="paper"):
    recipe = PAPER.recipe(scale, variant)
    return experiment.networks(recipe)["classifier"]


# The table


def test_every_row_has_a_network_and_a_variant_of_its_name():
    assert set(published()) == set(IMAGENET)
    assert set(PAPER.variants) == set(IMAGENET) | set(SMALL)


def test_every_row_has_a_source_and_sensible_numbers():
    for row in published().values():
        assert row.source
        assert 2012 <= row.year <= 2018
        assert 0 < row.top5_error_percent < row.top1_error_percent < 50


def test_claims_ask_for_the_numbers_of_the_table():
    wanted = {
        (claim.variant, claim.metric): claim.value
        for claim in PAPER.file.claims
        if claim.kind == "value"
    }
    for name, row in published().items():
        if row.parameters is not None:
            assert wanted[name, "test/parameters"] == row.parameters
            expected = row.multiply_adds_millions
            assert wanted[name, "test/multiply_adds_millions"] == expected
        else:
            assert wanted[name, "test/all_parameters"] == KERAS[name]


def test_error_falls_with_the_year_among_networks_up_to_thirty_million():
    small = [r for r in published().values() if (r.parameters or 1e9) <= 30e6]

    # Years 2014, 3 x 2015, 5 x 2016, 2 x 2017 have mean ranks 1, 3, 7 and 10.5; the
    # errors of the file, from the largest to the smallest, the other ranks.
    years = [1, 3, 3, 3, 7, 7, 7, 7, 7, 10.5, 10.5]
    errors = np.array([r.top1_error_percent for r in small])
    # Two of them are equal: they share the mean of their ranks.
    ranks = [((errors < e).sum() + (errors <= e).sum() + 1) / 2 for e in errors]
    assert len(small) == 11
    expected = np.corrcoef(years, ranks)[0, 1]
    assert figures._rho(small) == pytest.approx(expected)
    assert expected < -0.7


def test_seven_million_parameters_beat_sixty_one():
    rows = published()

    assert rows["googlenet"].top1_error_percent < rows["alexnet"].top1_error_percent
    assert rows["alexnet"].parameters / rows["googlenet"].parameters > 8.7


# Counted


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "resnet18", "densenet121"])
def test_networks_cost_what_their_rows_say(name):
    row, found = published()[name], evaluate.counted(network(name))

    assert found["parameters"].value == row.parameters
    assert found["multiply_adds_millions"].value == pytest.approx(
        row.multiply_adds_millions, rel=0.005
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGENET)
def test_every_network_costs_what_its_row_says(name):
    row, found = published()[name], evaluate.counted(network(name))

    if name in KERAS:
        assert found["all_parameters"].value == KERAS[name]
    else:
        assert found["parameters"].value == row.parameters
        assert found["multiply_adds_millions"].value == pytest.approx(
            row.multiply_adds_millions, rel=0.005
        )
    keras.backend.clear_session()


def test_small_networks_differ_by_a_tenth_in_parameters():
    counts = {
        name: evaluate.counted(network(name))["parameters"].value for name in SMALL
    }

    assert counts["small_plain"] == counts["small_resnet"]
    assert min(counts.values()) > 67_000
    assert max(counts.values()) < 1.12 * min(counts.values())


def test_what_is_counted_is_worked_out_by_hand():
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(5, 3, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization()(x))

    found = evaluate.counted(model)

    # 3x3x3x5 and 5 biases, gamma and beta; moving mean and variance; 16 places.
    assert found["parameters"].value == 135 + 5 + 10
    assert found["all_parameters"].value == 135 + 5 + 10 + 10
    assert found["multiply_adds_millions"].value == 16 * 135 / 1e6
    assert count_multiply_adds(model) == 16 * 135


# Timed


def test_speed_is_the_median_over_rounds_without_the_first_call():
    inputs = keras.Input((2, 2, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    # Rounds of 1, 4 and 2 seconds, of three calls with 8 images each.
    times = iter([0.0, 1.0, 10.0, 14.0, 20.0, 22.0])

    found = evaluate.speed(model, 8, rounds=3, calls=3, clock=lambda: next(times))

    assert found["images_per_second"].value == 12.0
    assert found["images_per_second"].count == 24
    assert found["images_per_second"].is_timed
    assert found["images_per_second"].passport["batch_size"] == 8


# Figures


@pytest.fixture
def make_run(make_record):
    def make(variant, seed=0, steps=0, error=50.0, speed=3.0):
        recipe = PAPER.recipe("small", variant)
        row = published().get(recipe.model.network)
        parameters = row.parameters if row and row.parameters else 70_000
        record = make_record(
            {
                "test/parameters": parameters,
                "test/multiply_adds_millions": parameters / 1e4,
                "test/images_per_second": speed,
                "test/top1_error_percent": error,
            },
            variant=variant, seed=seed, steps_done=steps,
        )  # fmt: skip
        return SimpleNamespace(record=record, config=lambda: {"recipe": recipe.values})

    return make


def test_the_leaderboard_has_the_published_error_at_the_counted_size(make_run):
    runs = [make_run("alexnet"), make_run("googlenet"), make_run("senet154"),
            make_run("small_resnet", steps=5)]  # fmt: skip

    parameters, _, speed = figures.draw_leaderboard(runs).axes

    places = np.array([marks.get_offsets()[0] for marks in parameters.collections])
    np.testing.assert_allclose(
        places, [[60.965224, 42.9], [6.998552, 31.3], [115.088984, 18.68]]
    )
    # AlexNet is beaten in both respects by GoogLeNet.
    (frontier,) = parameters.lines
    np.testing.assert_allclose(frontier.get_ydata(), [31.3, 18.68])
    # At equal speed only the best network is left.
    np.testing.assert_allclose(speed.lines[0].get_ydata(), [18.68])


def test_the_best_small_network_up_to_every_year_is_drawn(make_run):
    runs = [make_run(v) for v in ("alexnet", "googlenet", "resnet34", "resnet50",
                                  "se_resnext50", "senet154")]  # fmt: skip

    (axis,) = figures.draw_years(runs).axes

    (line,) = axis.lines
    np.testing.assert_array_equal(line.get_xdata(), [2014, 2015, 2017])
    np.testing.assert_array_equal(line.get_ydata(), [31.3, 24.7, 20.97])


def test_small_networks_have_a_panel_of_their_own(make_run):
    runs = [make_run("small_resnet", s, 5, e) for s, e in enumerate((50.0, 54.0))]

    (axis,) = figures.draw_small([*runs, make_run("alexnet")]).axes

    (bars,) = axis.containers
    np.testing.assert_allclose(bars.lines[0].get_xydata(), [[70.0, 52.0]])
    assert "not ImageNet" in axis.get_title()


def test_figures_without_their_runs_have_nothing_to_draw(make_run):
    with pytest.raises(NothingToDraw, match="for ImageNet"):
        figures.draw_leaderboard([make_run("small_resnet", steps=5)])
    with pytest.raises(NothingToDraw, match="no small network"):
        figures.draw_small([make_run("alexnet")])
