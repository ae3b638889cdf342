"""Losses of style transfer, by hand and against the formulae as they are printed."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from cai_keras.losses.style import (
    CONVENTIONS,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)


def value(tensor):
    return ops.convert_to_numpy(tensor)


def maps_of(seed, shape=(1, 3, 4, 5)):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Gram matrices


def test_the_gram_matrix_of_two_positions_by_hand():
    # Positions (1, 2) and (3, 4): (1 + 9) / 2, (2 + 12) / 2, (4 + 16) / 2.
    features = np.array([[[[1.0, 2.0], [3.0, 4.0]]]], "float32")

    assert value(gram_matrix(features)).tolist() == [[[5.0, 7.0], [7.0, 10.0]]]


def test_a_constant_map_has_its_squares_whatever_its_size():
    for side in (1, 7):
        features = np.full((1, side, side, 2), [2.0, -3.0], "float32")

        assert value(gram_matrix(features)).tolist() == [[[4.0, -6.0], [-6.0, 9.0]]]


@given(seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_a_gram_matrix_does_not_know_where_anything_is(seed):
    features = maps_of(seed)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(features.reshape(12, 5)).reshape(features.shape)

    found = value(gram_matrix(features))

    np.testing.assert_allclose(value(gram_matrix(shuffled)), found, atol=1e-6)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(found[0]).min() > -1e-6


def test_half_precision_does_not_overflow():
    features = np.full((1, 64, 64, 1), 200.0, "float16")

    found = gram_matrix(features)

    # 200^2 is within float16, its sum over 4,096 positions is not.
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert value(found).item() == 40_000.0


# Style


def style_as_printed(features, style, convention):
    """With sums over positions, as the sources write them."""
    rows = [maps.reshape(-1, maps.shape[-1]).astype("float64") for maps in features]
    others = [maps.reshape(-1, maps.shape[-1]).astype("float64") for maps in style]
    found = []
    for f, s in zip(rows, others, strict=True):
        positions, channels = f.shape
        g, a = f.T @ f, s.T @ s
        if convention == "gatys":
            e = np.sum((g - a) ** 2) / (4 * channels**2 * positions**2)
        elif convention == "gatys_code":
            e = np.mean((g / positions - a / positions) ** 2)
        else:
            size = positions * channels
            e = np.mean((g / size - a / size) ** 2)
        found.append(e)
    return found


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_style_loss_is_that_of_its_source(convention):
    features, style = maps_of(0, (2, 3, 4, 5)), maps_of(1, (2, 3, 4, 5))

    found = style_loss(gram_matrix(features), gram_matrix(style), convention)

    expected = style_as_printed(features, style, convention)
    np.testing.assert_allclose(value(found), expected, rtol=1e-5)


def test_the_style_may_have_another_size_and_one_picture_serves_all():
    features = np.full((2, 4, 4, 1), 2.0, "float32")
    style = np.full((1, 3, 5, 1), 1.0, "float32")

    found = style_loss(gram_matrix(features), gram_matrix(style))

    assert value(found).tolist() == [2.25, 2.25]  # (4 - 1)^2 / 4


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_picture_has_no_loss_against_itself(convention):
    features = maps_of(3)
    gram = gram_matrix(features)

    assert value(style_loss(gram, gram, convention)).tolist() == [0.0]
    assert value(content_loss(features, features, convention)).tolist() == [0.0]


def test_gradients_of_the_style_loss_are_those_of_equation_6():
    """1 / (N^2 M^2) F (G - A), and nothing is cut: no ReLU in front."""
    features, style = maps_of(4), maps_of(5)
    with tf.GradientTape() as tape:
        x = tf.constant(features)
        tape.watch(x)
        loss = style_loss(gram_matrix(x), gram_matrix(style))
    found = tape.gradient(loss, x).numpy().reshape(12, 5)

    f, s = (maps.reshape(12, 5).astype("float64") for maps in (features, style))
    expected = f @ (f.T @ f - s.T @ s) / (5**2 * 12**2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


# Content


@pytest.mark.parametrize(
    ("convention", "expected"), [("gatys", 7.0), ("gatys_code", 3.5), ("johnson", 3.5)]
)
def test_the_content_loss_by_hand(convention, expected):
    features = np.array([[[[1.0, 2.0], [3.0, 4.0]]]], "float32")
    target = np.array([[[[0.0, 0.0], [0.0, 4.0]]]], "float32")

    # Squares 1, 4, 9, 0: half their sum 7, their mean 3.5.
    assert value(content_loss(features, target, convention)).tolist() == [expected]


# Total variation


def test_total_variation_by_hand():
    images = np.array([[[0.0, 1.0], [3.0, 3.0]]], "float32")[..., None]

    # Right: 1 and 0; below: 3 and 2.
    assert value(total_variation(images)).tolist() == [1 + 9 + 4]
    assert value(total_variation(images, 1)).tolist() == [1 + 3 + 2]
    assert value(total_variation(np.ones((2, 5, 5, 3)))).tolist() == [0.0, 0.0]


def test_total_variation_of_powers_between_is_finite_where_nothing_changes():
    with tf.GradientTape() as tape:
        x = tf.ones((1, 3, 3, 1))
        tape.watch(x)
        loss = total_variation(x, 1.5)

    assert np.isfinite(tape.gradient(loss, x)).all()


# Mistakes


@pytest.mark.parametrize("loss", [content_loss, style_loss])
def test_an_unknown_convention_is_named(loss):
    maps = np.ones((1, 2, 2, 2))

    with pytest.raises(ValueError, match="'gatis'; expected one of gatys, gatys_code"):
        loss(maps, maps, "gatis")


def test_maps_of_another_rank_and_low_powers_are_refused():
    with pytest.raises(ValueError, match=r"gram_matrix: expected \(batch, height"):
        gram_matrix(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match=r"power of at least 1, got 0\.5"):
        total_variation(np.ones((1, 2, 2, 1)), 0.5)


def test_targets_may_be_arrays_where_pytorch_differentiates():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    # With G = 3 and a target of 1: d/dG of a quarter of (G - 1)^2 is 1.
    code = """
import numpy as np, torch
from cai_keras.losses.style import style_loss
gram = torch.full((1, 1, 1), 3.0, requires_grad=True)
style_loss(gram, np.ones((1, 1, 1), "float32")).sum().backward()
assert gram.grad.item() == 1.0
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
