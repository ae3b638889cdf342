"""Pair losses by hand and against NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from keras import ops

from cai_keras.losses.pairs import matching_loss, verification_loss


def verification(logits, same):
    loss = verification_loss(np.array(logits, "float32"), np.array(same))
    return ops.convert_to_numpy(loss)


def matching(logits, twin):
    return ops.convert_to_numpy(matching_loss(np.asarray(logits, "float32"), twin))


def matching_by_numpy(logits, twin):
    """-log softmax over the others, written out member by member."""
    logits = np.asarray(logits, "float64")
    losses = []
    for group in logits:
        terms = []
        for i, row in enumerate(group):
            others = [row[j] for j in range(len(row)) if j != i]
            largest = max(others)
            total = sum(math.exp(s - largest) for s in others)
            terms.append(math.log(total) + largest - row[twin[i]])
        losses.append(np.mean(terms))
    return np.array(losses)


def test_a_logit_of_zero_costs_ln_2():
    np.testing.assert_allclose(verification([0, 0], [0, 1]), [math.log(2)] * 2)


def test_verification_loss_by_hand():
    # p = sigmoid(ln 3) = 3/4: -ln 3/4 if the same, -ln 1/4 if different.
    logits = [math.log(3), math.log(3)]
    expected = [math.log(4 / 3), math.log(4)]
    np.testing.assert_allclose(verification(logits, [1, 0]), expected, rtol=1e-6)


def test_large_logits_stay_finite():
    # ln(1 + exp(1000)) = 1000 to every digit; a right answer costs nothing.
    found = verification([1000, -1000, 1000, -1000], [0, 1, 1, 0])
    np.testing.assert_allclose(found, [1000, 1000, 0, 0])


@pytest.mark.parametrize("kind", ["bool", "int32", "float32"])
def test_same_may_be_boolean_integer_or_float(kind):
    found = verification_loss(np.zeros(2, "float32"), np.array([1, 0], kind))
    np.testing.assert_allclose(found, [math.log(2)] * 2)


@pytest.mark.parametrize(
    ("logits", "same"), [((3, 1), (3,)), ((3,), (3, 1)), ((3,), (2,)), ((), ())]
)
def test_verification_refuses_other_shapes(logits, same):
    with pytest.raises(ValueError, match="shape"):
        verification_loss(np.zeros(logits, "float32"), np.zeros(same, "float32"))


@settings(max_examples=50, deadline=None)
@given(
    npst.arrays("float32", 5, elements=st.floats(-80, 80, width=32)),
    npst.arrays("bool", 5),
)
def test_verification_loss_equals_numpy(logits, same):
    z = logits.astype("float64")
    expected = np.logaddexp(0, z) - same * z
    found = verification(logits, same)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_matching_loss_of_two_groups_of_four_by_hand():
    twin = [1, 0, 3, 2]
    a, b = math.log(2), math.log(3)
    # First group: every twin has logit ln 2, the two strangers 0:
    #   p = 2 / (2 + 1 + 1) = 1/2, loss ln 2.
    first = [[9, a, 0, 0], [a, 9, 0, 0], [0, 0, 9, a], [0, 0, a, 9]]
    # Second group: twins 0; member 0 has one stranger at ln 3: 1 / (1 + 3 + 1) = 1/5;
    #   the other three 1/3. Mean of ln 5, ln 3, ln 3, ln 3.
    second = [[0, 0, b, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    expected = [math.log(2), (math.log(5) + 3 * math.log(3)) / 4]
    np.testing.assert_allclose(matching([first, second], twin), expected, rtol=1e-6)


def test_the_diagonal_plays_no_part():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 4))
    changed = logits.copy()
    changed[:, range(4), range(4)] = 50.0
    twin = [1, 0, 3, 2]
    np.testing.assert_array_equal(matching(logits, twin), matching(changed, twin))


@pytest.mark.parametrize("members", [2, 4, 10])
def test_constant_logits_cost_the_logarithm_of_the_number_of_others(members):
    twin = np.arange(members) ^ 1
    found = matching(np.full((3, members, members), 7.0), twin)
    np.testing.assert_allclose(found, [math.log(members - 1)] * 3, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(npst.arrays("float32", (2, 4, 4), elements=st.floats(-50, 50, width=32)))
def test_matching_loss_equals_numpy(logits):
    twin = np.array([1, 0, 3, 2])
    expected = matching_by_numpy(logits, twin)
    np.testing.assert_allclose(matching(logits, twin), expected, rtol=1e-4, atol=1e-5)


def test_matching_gradient_is_finite_for_large_float16_logits():
    values = np.random.default_rng(0).normal(0, 2e4, size=(2, 4, 4)).astype("float16")
    logits = tf.constant(np.clip(values, -6e4, 6e4))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = matching_loss(logits, np.array([1, 0, 3, 2]))
    gradient = tape.gradient(loss, logits)
    assert loss.dtype == tf.float32
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(np.diagonal(gradient, axis1=1, axis2=2), 0)


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 5), (1, 2, 4, 4)])
def test_matching_refuses_logits_that_are_not_square(shape):
    with pytest.raises(ValueError, match=r"\(batch, members, members\)"):
        matching_loss(np.zeros(shape, "float32"), np.array([1, 0, 3, 2]))
