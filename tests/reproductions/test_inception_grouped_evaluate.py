"""Costs, forms, confusions and branches of inception_grouped, by hand."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.networks.inception import build_googlenet
from reproductions.inception_grouped import cost
from reproductions.inception_grouped.evaluate import (
    branch_parameters,
    form_difference,
    spacing_counts,
    spacing_metrics,
)
from reproductions.inception_grouped.experiment import networks


@pytest.fixture(autouse=True)
def _clean_process():
    yield
    keras.backend.clear_session()


def recipe(variant, *sets):
    return find_paper("inception_grouped").recipe("small", variant, sets=sets)


def identity(classes):
    """Images of 1 x 1 pixel whose channels are the logits."""
    inputs = keras.Input((1, 1, classes))
    return keras.Model(inputs, keras.ops.reshape(inputs, (-1, classes)))


def images(logits):
    return np.asarray(logits, np.float32)[:, None, None, :]


# Costs


@pytest.mark.parametrize("groups", [1, 2, 4, 8, 16, 32])
def test_groups_divide_parameters_and_multiply_adds_exactly(groups):
    asked = recipe(f"cost_groups_{groups}", "evaluate.cost.rounds=1")

    metrics = cost.measure_cost(asked)

    # 3x3, 128 to 128 channels; at each of 28 x 28 places.
    parameters = 9 * 128 * 128 // groups
    assert metrics["parameters"].value == parameters
    assert metrics["multiply_adds"].value == 28 * 28 * parameters
    assert metrics["multiply_adds_percent"].value == 100 / groups
    assert metrics["parameters_percent"].value == 100 / groups


def test_module_3a_costs_what_its_filters_say():
    small = [f"evaluate.cost.{key}" for key in ("side=4", "batch=1", "rounds=1")]
    found = cost.measure_cost(recipe("cost_inception_reduced", *small))

    # Kernels and biases: 64 1x1, 96 - 128 3x3, 16 - 32 5x5, 32 of the pooled map;
    # naive: 64 1x1, 128 3x3, 32 5x5.
    reduced = 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32
    naive = 192 * (64 + 9 * 128 + 25 * 32)
    assert found["multiply_adds"].value == 16 * reduced
    assert found["multiply_adds_percent"].value == pytest.approx(100 * reduced / naive)
    assert (
        found["parameters"].value == reduced + 64 + 96 + 128 + 16 + 32 + 32 == 163_696
    )
    expected = 100 * 163_696 / (naive + 64 + 128 + 32)
    assert found["parameters_percent"].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("variant", "count"),
    [("cost_inception_naive", 387_296), ("cost_groups_8", 9 * 16 * 128)],
)
def test_the_module_that_is_shown_is_the_measured_one(variant, count):
    assert networks(recipe(variant))["module"].count_params() == count


def test_the_time_is_the_median_of_the_rounds_ratios():
    # 50, 200 and 25 percent; the ratio of the medians would be 100.
    seconds = {"measured": [1.0, 2.0, 2.0], "reference": [2.0, 1.0, 8.0]}

    assert cost.time_percent(seconds) == 50.0


def test_a_measurement_names_its_rounds_and_device():
    metric = cost.measure_cost(recipe("cost_groups_2", "evaluate.cost.rounds=2"))[
        "step_time_percent"
    ]

    assert metric.value > 0
    assert metric.count == 2
    assert metric.passport["timed_on"] in ("CPU", "GPU")


def test_a_timed_step_depends_on_the_gradient_for_the_input_and_the_weights():
    # y = w x of one pixel: the loss (w x)^2 has the gradients 2 w^2 x and 2 w x^2.
    inputs = keras.Input((1, 1, 1))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    module = keras.Model(inputs, layer(inputs))
    layer.kernel.assign(np.full((1, 1, 1, 1), 3.0))
    x = np.random.default_rng(0).normal(size=(1, 1, 1, 1)).item()

    found = cost.compile_step(module, batch=1)()

    assert found == pytest.approx(2 * 9 * x + 2 * 3 * x * x, rel=1e-5)


# Forms


def test_the_difference_of_forms_is_the_largest_of_any_logit():
    inputs = keras.Input((1, 1, 2))
    other = keras.Model(inputs, 1.5 * keras.ops.reshape(inputs, (-1, 2)))
    parts = [(images([[1, 2], [0, 0]]), None), (images([[-4, 1]]), None)]

    found = form_difference(identity(2), other, parts, batch_size=2)

    # Half of the largest number's size.
    assert found.value == 2.0
    assert found.count == 3


# Confusions


def test_spacings_are_counted_whatever_the_direction():
    # Labels 0 and 1 have the first spacing, 2 and 3 the second, 4 and 5 the third.
    labels = np.array([0, 1, 1, 2, 5, 4])
    answers = np.array([1, 1, 4, 3, 5, 2])
    parts = [
        (images(np.eye(6)[answers[:4]]), labels[:4]),
        (images(np.eye(6)[answers[4:]]), labels[4:]),
    ]

    counts = spacing_counts(identity(6), parts, batch_size=3)

    np.testing.assert_array_equal(counts, [[2, 0, 1], [0, 1, 0], [0, 1, 1]])


def test_confusions_are_percent_of_the_images_with_a_spacing():
    metrics = spacing_metrics(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 5]]))

    assert metrics["spacing2_taken_for_2_percent"].value == 75
    assert metrics["spacing2_taken_for_3_percent"].value == 25
    assert metrics["spacing3_taken_for_3_percent"].value == 100
    assert metrics["spacing2_taken_for_3_percent"].count == 4
    assert len(metrics) == 9


# Branches


def test_branches_of_googlenet_have_the_parameters_of_table_1():
    found = branch_parameters(build_googlenet())

    # A 1x1 reduction counts with what it is for.
    assert found["3a"] == {
        "1x1": 12_352,
        "3x3": 18_528 + 110_720,
        "5x5": 3_088 + 12_832,
        "pool": 6_176,
    }
    # 832 channels come to 5b: 384 | 192, 384 | 48, 128 | 128.
    assert found["5b"] == {
        "1x1": 832 * 384 + 384,
        "3x3": 832 * 192 + 192 + 9 * 192 * 384 + 384,
        "5x5": 832 * 48 + 48 + 25 * 48 * 128 + 128,
        "pool": 832 * 128 + 128,
    }
    assert list(found) == ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
