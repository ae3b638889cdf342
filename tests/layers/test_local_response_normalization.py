"""Local response normalisation against sums by hand and in NumPy."""

import numpy as np
import pytest

from cai_keras.layers.local_response_normalization import LocalResponseNormalization


def test_values_by_hand():
    layer = LocalResponseNormalization(size=3, alpha=3.0, beta=0.5, bias=1.0)

    # Sums of squares 1 + 4, 1 + 4 + 9 and 4 + 9; each under the root with 1 added.
    expected = [1 / np.sqrt(6), 2 / np.sqrt(15), 3 / np.sqrt(14)]
    np.testing.assert_allclose(layer(np.array([[1.0, 2.0, 3.0]])), [expected], 1e-6)


@pytest.mark.parametrize("beta", [0.75, 1.5])
def test_any_size_is_numpys_sum_over_neighbouring_channels(beta):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 9)).astype("float32")
    layer = LocalResponseNormalization(alpha=5.0, beta=beta)

    expected = np.empty_like(x)
    for i in range(9):
        near = x[..., max(i - 2, 0) : i + 3]
        expected[..., i] = x[..., i] / (1 + (near**2).sum(-1)) ** beta
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)


def test_values_that_half_precision_cannot_square_stay_finite():
    layer = LocalResponseNormalization(dtype="mixed_float16")

    found = np.asarray(layer(np.full((1, 1), 1000.0, "float16")))

    # 1 + 1e-4 / 5 * 1e6 = 21.
    np.testing.assert_allclose(found, [[1000 / 21**0.75]], rtol=1e-3)


@pytest.mark.parametrize("size", [0, 2, -1])
def test_even_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"received {size}"):
        LocalResponseNormalization(size=size)
