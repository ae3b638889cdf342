"""Bilinear deconvolution: its weights, its values, and what lies at the border."""

import numpy as np
import pytest

from cai_keras.layers.bilinear_deconvolution import (
    BilinearDeconvolution,
    bilinear_line,
)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # 1 - |x / g - c| with g = ceil(k / 2) and c = (k - 1) / (2 g).
        (4, [0.25, 0.75, 0.75, 0.25]),
        (3, [0.5, 1.0, 0.5]),
        (16, np.concatenate([np.arange(1, 16, 2), np.arange(15, 0, -2)]) / 16),
    ],
)
def test_weights_along_a_line(size, expected):
    np.testing.assert_allclose(bilinear_line(size), expected, rtol=1e-6)


def test_the_kernel_has_16_pixels_to_a_side_and_does_not_learn():
    layer = BilinearDeconvolution(8)
    layer.build((None, None, None, 19))

    # 16 x 16 x 19, as the released network for Cityscapes has.
    assert layer.count_params() == 4_864
    assert layer.trainable_weights == []


def test_values_between_two_positions_lie_on_a_line():
    # Centres of the enlarged pixels are at -0.25, 0.25, 0.75, 1.25, ... of the old.
    row = np.array([0.0, 4.0, 8.0, 12.0], np.float32)
    x = np.tile(row[None, None, :, None], (1, 4, 1, 1))

    found = np.asarray(BilinearDeconvolution(2)(x))[0, 4, :, 0]

    np.testing.assert_allclose(found[1:-1], [1, 3, 5, 7, 9, 11], rtol=1e-6)
    # Outside is 0: a quarter of the last pixel's weight is missing.
    assert found[-1] == pytest.approx(0.75 * 12)


def test_channels_do_not_mix():
    x = np.zeros((1, 3, 3, 2), np.float32)
    x[0, 1, 1, 1] = 1.0

    found = np.asarray(BilinearDeconvolution(8)(x))[0]

    assert found.shape == (24, 24, 2)
    assert not found[..., 0].any()
    # The kernel itself, whose middle is between pixels 11 and 12.
    line = bilinear_line(16)
    np.testing.assert_allclose(found[4:20, 4:20, 1], np.outer(line, line), rtol=1e-6)


def test_an_odd_factor_keeps_the_old_pixels():
    # f = 3: k = 5, and every third pixel is an old one.
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 1)).astype(np.float32)

    found = np.asarray(BilinearDeconvolution(3)(x))

    np.testing.assert_allclose(found[:, 1::3, 1::3], x, rtol=1e-6)


def test_a_factor_that_enlarges_nothing_is_refused():
    with pytest.raises(ValueError, match="must be at least 2; received 1"):
        BilinearDeconvolution(1)
