"""The weighted L1 similarity of Koch et al. 2015, by hand."""

import numpy as np
import pytest
from keras import initializers, ops

from cai_keras.layers.weighted_l1_similarity import WeightedL1Similarity


def similarity(alpha, bias):
    """A layer with the given alpha and b."""
    layer = WeightedL1Similarity()
    layer.build(((None, len(alpha)), (None, len(alpha))))
    layer.set_weights([np.array(alpha, "float32")[:, None], np.array([bias])])
    return layer


def call(layer, first, second):
    inputs = (np.asarray(first, "float32"), np.asarray(second, "float32"))
    return ops.convert_to_numpy(layer(inputs))


def test_logit_is_the_weighted_distance_plus_the_bias():
    layer = similarity([1.0, -2.0, 0.5], bias=0.25)
    logits = call(layer, [[1, 2, 3], [0, 0, 0]], [[3, 1, 7], [0, 0, 0]])
    # |1-3| = 2, |2-1| = 1, |3-7| = 4: 1*2 - 2*1 + 0.5*4 + 0.25 = 2.25; and b alone.
    np.testing.assert_allclose(logits, [2.25, 0.25])


def test_swapping_the_two_embeddings_changes_nothing():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5, 7))
    layer = WeightedL1Similarity()
    np.testing.assert_array_equal(
        call(layer, first, second), call(layer, second, first)
    )


def test_leading_axes_broadcast_to_all_pairs():
    layer = similarity([1.0, 10.0], bias=0.0)
    first = np.array([[0, 0], [1, 1], [2, 0]])[:, None]  # (3, 1, 2)
    second = np.array([[0, 0], [1, 0]])[None]  # (1, 2, 2)
    # First embedding against both: 0, 1.  (1,1): 1+10, 0+10.  (2,0): 2, 1.
    expected = [[0, 1], [11, 10], [2, 1]]
    np.testing.assert_allclose(call(layer, first, second), expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((None, 5), (None, 5), (None,)),
        ((3, 1, 5), (1, 4, 5), (3, 4)),
        ((None, 1, 5), (1, 4, 5), (None, 4)),
        ((5,), (4, 5), (4,)),
        ((2, None, 5), (2, 7, 5), (2, 7)),
    ],
)
def test_computed_shape_broadcasts_the_leading_axes(first, second, expected):
    assert WeightedL1Similarity().compute_output_shape((first, second)) == expected


def test_initializers_and_regularizer_are_used():
    layer = WeightedL1Similarity(
        kernel_initializer=initializers.Constant(2.0),
        bias_initializer="ones",
        kernel_regularizer="l2",
    )
    call(layer, [[1, 1]], [[0, 3]])
    np.testing.assert_array_equal(layer.kernel, [[2], [2]])
    np.testing.assert_array_equal(layer.bias, [1])
    # Keras's "l2" is 0.01 sum alpha^2 = 0.01 * 8; the bias is not penalised.
    np.testing.assert_allclose(float(sum(layer.losses)), 0.08, rtol=1e-6)


def test_embeddings_of_different_length_are_refused():
    with pytest.raises(ValueError, match="equal length, received 3 and 4"):
        WeightedL1Similarity()((np.zeros((2, 3)), np.zeros((2, 4))))


@pytest.mark.parametrize(
    "inputs",
    [np.zeros((2, 5)), np.zeros((3, 5)), [np.zeros((2, 5))] * 3, [np.zeros((2, 5))]],
    ids=["one_matrix_of_two_rows", "one_matrix", "three", "one_in_a_list"],
)
def test_anything_but_a_pair_is_refused(inputs):
    with pytest.raises(ValueError, match="needs a pair of embeddings"):
        WeightedL1Similarity()(inputs)
