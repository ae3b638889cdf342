"""Adversarial losses and penalties on slopes: numbers by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.losses.gradient_penalties import (
    gradient_penalty,
    interpolate,
    r1_penalty,
)

LOG3 = np.log(3.0)  # sigmoid(log 3) = 3/4
HALF = np.log(2.0)  # -log 1/2


def values(function, scores):
    return ops.convert_to_numpy(function(np.array(scores, "float32")))


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        # At scores of 0 and log 3, D is 1/2 and 3/4; -log(3/4) = log(4/3).
        ("minimax", [HALF, np.log(4 / 3)], [HALF, np.log(4)], [-HALF, -np.log(4)]),
        (
            "non_saturating",
            [HALF, np.log(4 / 3)],
            [HALF, np.log(4)],
            [HALF, np.log(4 / 3)],
        ),
        (
            "least_squares",
            [0.5, (LOG3 - 1) ** 2 / 2],
            [0.0, LOG3**2 / 2],
            [0.5, (LOG3 - 1) ** 2 / 2],
        ),
        ("hinge", [1.0, 0.0], [1.0, 1 + LOG3], [0.0, -LOG3]),
        ("wasserstein", [0.0, -LOG3], [0.0, LOG3], [0.0, -LOG3]),
    ],
)
def test_losses_at_scores_of_zero_and_log_three(name, real, fake, generator):
    loss, scores = ADVERSARIAL_LOSSES[name], [0.0, LOG3]

    np.testing.assert_allclose(values(loss.real, scores), real, atol=1e-6)
    np.testing.assert_allclose(values(loss.fake, scores), fake, atol=1e-6)
    np.testing.assert_allclose(values(loss.generator, scores), generator, atol=1e-6)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8))
def test_at_the_optimum_of_equal_distributions_the_game_is_worth_log_four(scores):
    # D = 1/2 everywhere costs log 4; no other scores cost less than that on average,
    # if real and generated examples are the same (Goodfellow et al. 2014, Theorem 1).
    loss = ADVERSARIAL_LOSSES["minimax"]

    total = values(loss.real, scores) + values(loss.fake, scores)

    assert (total >= np.log(4) - 1e-6).all()


def test_the_hinge_loss_is_zero_outside_the_margin():
    loss = ADVERSARIAL_LOSSES["hinge"]

    np.testing.assert_array_equal(values(loss.real, [1.0, 7.5]), [0.0, 0.0])
    np.testing.assert_array_equal(values(loss.fake, [-1.0, -7.5]), [0.0, 0.0])


def test_scores_far_away_overflow_in_no_loss():
    for loss in ADVERSARIAL_LOSSES.values():
        for function in (loss.real, loss.fake, loss.generator):
            assert np.isfinite(values(function, [-1e4, 1e4])).all()


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_scores_of_half_precision_give_losses_in_float32(name):
    scores = ops.cast(np.array([300.0], "float32"), "float16")

    found = ADVERSARIAL_LOSSES[name].real(scores)

    assert ops.convert_to_numpy(found).dtype == np.float32


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_a_score_with_an_axis_too_many_is_refused(name):
    with pytest.raises(ValueError, match=r"shape \(batch,\), received \(4, 1\)"):
        ADVERSARIAL_LOSSES[name].generator(np.zeros((4, 1), "float32"))


@pytest.mark.skipif("not __import__('keras').backend.backend() == 'tensorflow'")
def test_where_the_discriminator_is_sure_only_one_generator_loss_has_a_slope():
    # d/ds log(1 - sigmoid(s)) = -sigmoid(s); d/ds -log sigmoid(s) = sigmoid(s) - 1.
    import tensorflow as tf

    scores = tf.constant([-np.log(99.0)], tf.float32)  # D = 1 %
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(scores)
        minimax = ADVERSARIAL_LOSSES["minimax"].generator(scores)
        heuristic = ADVERSARIAL_LOSSES["non_saturating"].generator(scores)

    assert float(tape.gradient(minimax, scores)[0]) == pytest.approx(-0.01, rel=1e-4)
    assert float(tape.gradient(heuristic, scores)[0]) == pytest.approx(-0.99, rel=1e-4)


# Penalties.


def test_a_slope_of_six_is_punished_by_twenty_five():
    # D(x) = 3 sum(x), 4 pixels: the slope is (3, 3, 3, 3), 6 long, (6 - 1)^2 = 25.
    slopes = np.full((2, 2, 2, 1), 3.0, "float32")
    slopes[1] = 0.5  # length 1

    found = ops.convert_to_numpy(gradient_penalty(slopes))

    np.testing.assert_allclose(found, [25.0, 0.0], atol=1e-6)
    around_zero = ops.convert_to_numpy(gradient_penalty(slopes, target=0.0))
    np.testing.assert_allclose(around_zero, [36.0, 1.0], atol=1e-5)


def test_r1_is_half_the_squared_length():
    slopes = np.full((1, 2, 2, 1), 3.0, "float32")

    assert float(r1_penalty(slopes)[0]) == pytest.approx(18.0)


def test_a_slope_of_zero_is_punished_by_one_and_has_a_finite_gradient():
    import keras

    slopes = np.zeros((1, 3), "float32")
    assert float(gradient_penalty(slopes)[0]) == pytest.approx(1.0)
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    variable = tf.constant(slopes)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        total = gradient_penalty(variable)
    np.testing.assert_array_equal(tape.gradient(total, variable), slopes)


def test_points_between_are_a_mixture_for_each_example():
    real, fake = np.ones((2, 1, 1, 1), "float32"), np.zeros((2, 1, 1, 1), "float32")

    found = ops.convert_to_numpy(interpolate(real, fake, np.array([0.25, 1.0])))

    np.testing.assert_allclose(found.ravel(), [0.25, 1.0])


def test_points_between_examples_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        interpolate(np.ones((2, 3)), np.ones((2, 4)), np.ones(2))
