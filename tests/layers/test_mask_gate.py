"""(1 + M) T and M T, once and many times."""

import numpy as np
import pytest
from keras import ops

from cai_keras.layers.mask_gate import MaskGate

TRUNK = np.array([[[[2.0, -4.0]]]], "float32")
MASK = np.array([[[[0.25, 1.0]]]], "float32")


@pytest.mark.parametrize(
    ("form", "expected"), [("attention_residual", [2.5, -8.0]), ("naive", [0.5, -4.0])]
)
def test_values_by_hand(form, expected):
    np.testing.assert_array_equal(MaskGate(form)([TRUNK, MASK])[0, 0, 0], expected)


@pytest.mark.parametrize(("form", "factor"), [("attention_residual", 1), ("naive", 0)])
def test_a_mask_of_zero_is_the_identity_or_nothing(form, factor):
    found = ops.convert_to_numpy(MaskGate(form)([TRUNK, 0 * MASK]))

    np.testing.assert_array_equal(found, factor * TRUNK)


@pytest.mark.parametrize("modules", [1, 2, 4, 8])
def test_masks_of_one_half_multiply_the_response_exactly(modules):
    x = {"attention_residual": TRUNK, "naive": TRUNK}
    for form in x:
        for _ in range(modules):
            x[form] = ops.convert_to_numpy(MaskGate(form)([x[form], 0 * MASK + 0.5]))

    # Powers of 3/2 and 1/2 are exact in float32.
    np.testing.assert_array_equal(x["attention_residual"], 1.5**modules * TRUNK)
    np.testing.assert_array_equal(x["naive"], 0.5**modules * TRUNK)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="attention_residual, naive; received 'sum'"):
        MaskGate("sum")


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        MaskGate()([TRUNK, MASK[..., :1]])
