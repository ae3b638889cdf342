"""Attention with positions: values by NumPy, symmetry, encodings, counts, errors."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.layers.position_attention import (
    POSITIONS,
    PositionAttention,
    sinusoidal_positions,
)

every_position = pytest.mark.parametrize("position", POSITIONS)


def _inputs(shape=(2, 3, 4, 8), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _built(position, shape=(2, 3, 4, 8), **arguments):
    """A layer whose every weight, the biases too, is random."""
    layer = PositionAttention(position, **arguments)
    layer.build(shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


def _numpy(layer, x):
    """Outputs and weights by the docstring's equations, query by query."""
    given = {w.path.split("/", 1)[-1]: np.asarray(w) for w in layer.weights}

    def linear(name, values):
        return values @ given[f"{name}/kernel"] + given[f"{name}/bias"]

    height, width, channels = x.shape[1:]
    flat = x.reshape(len(x), -1, channels).astype(np.float64)
    p = np.zeros((height * width, channels))
    if layer.position == "learned":
        p = given["positions"]
    elif layer.position == "sinusoidal":
        p = sinusoidal_positions(height, width, channels)
    q, k, v = linear("query", flat + p), linear("key", flat + p), linear("value", flat)
    weights = np.zeros((len(x), height * width, height * width))
    for b, i in np.ndindex(weights.shape[:2]):
        logits = np.array([q[b, i] @ k[b, j] for j in range(height * width)])
        raised = np.exp((logits - logits.max()) / np.sqrt(q.shape[-1]))
        weights[b, i] = raised / raised.sum()
    return linear("out", weights @ v).reshape(x.shape), weights


@every_position
@pytest.mark.parametrize("units", [None, 5])
def test_outputs_and_weights_are_those_of_the_equation(position, units):
    layer, x = _built(position, units=units), _inputs()

    outputs, weights = _numpy(layer, x)

    np.testing.assert_allclose(layer(x), outputs, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        layer.attention_weights(x), weights, rtol=1e-3, atol=1e-5
    )


@every_position
def test_blocks_of_rows_give_the_same_outputs(position):
    # 12 positions: 144 pairs, in blocks of one row of 12.
    whole, rows = _built(position), _built(position, max_entries=12)

    np.testing.assert_allclose(rows(_inputs()), whole(_inputs()), rtol=1e-4, atol=1e-4)


def test_without_positions_permuted_pixels_give_permuted_outputs():
    layer, x = _built("none"), _inputs()
    order = np.random.default_rng(2).permutation(12)
    permuted = x.reshape(2, 12, 8)[:, order].reshape(x.shape)

    expected = np.asarray(layer(x)).reshape(2, 12, 8)[:, order].reshape(x.shape)

    np.testing.assert_allclose(layer(permuted), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
def test_with_positions_it_tells_the_order_of_pixels(position):
    layer, x = _built(position), _inputs()

    flipped = np.asarray(layer(x[:, :, ::-1]))[:, :, ::-1]

    assert np.abs(flipped - np.asarray(layer(x))).max() > 0.1


def test_values_carry_no_position():
    # Equal pixels have equal values, so that every average is that value.
    layer = _built("learned")
    x = np.broadcast_to(_inputs((2, 1, 1, 8)), (2, 3, 4, 8))

    outputs = np.asarray(layer(x))

    same = np.broadcast_to(outputs[:, :1, :1], outputs.shape)
    np.testing.assert_allclose(outputs, same, rtol=1e-4, atol=1e-4)


def test_sharp_positions_mirror_an_image_exactly():
    # One channel a column; keys are the columns, queries the mirrored ones. A logit
    # is 0 or 40 * 40 / 2 = 800, and values and outputs pass unchanged.
    layer = PositionAttention("learned")
    layer.build((None, 1, 4, 4))
    mirror, same, none = np.eye(4)[::-1], np.eye(4), np.zeros(4)
    weights = [mirror, none, same, none, same, none, same, none, 40 * np.eye(4)]
    names = ["query", "key", "value", "out"]
    given = dict(
        zip(
            [f"{n}/{w}" for n in names for w in ("kernel", "bias")],
            weights,
            strict=False,
        )
    )
    given["positions"] = weights[-1]
    layer.set_weights([given[w.path.split("/", 1)[-1]] for w in layer.weights])
    x = _inputs((3, 1, 4, 4))

    np.testing.assert_allclose(layer(x), x[:, :, ::-1], rtol=1e-5)


def test_sinusoidal_positions_worked_out_by_hand():
    # D = 4 channels an axis: frequencies 1 and 10000^(-2/4) = 0.01.
    found = sinusoidal_positions(2, 3, 8)

    assert found.shape == (6, 8)
    row, column = 1, 2
    expected = [
        f(n * w) for n in (row, column) for w in (1, 0.01) for f in (np.sin, np.cos)
    ]
    np.testing.assert_allclose(found[row * 3 + column], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("position", "units", "expected"),
    [
        # Three matrices C x d and one d x C with biases: 4 C d + 3 d + C.
        ("none", None, 4 * 32 * 32 + 4 * 32),
        ("sinusoidal", None, 4 * 32 * 32 + 4 * 32),
        ("learned", None, 4 * 32 * 32 + 4 * 32 + 256 * 32),
        ("none", 8, 4 * 32 * 8 + 3 * 8 + 32),
    ],
)
def test_the_number_of_parameters(position, units, expected):
    layer = PositionAttention(position, units)
    layer.build((None, 16, 16, 32))

    assert layer.count_params() == expected


def test_queries_and_keys_start_by_an_initializer_of_their_own():
    layer = PositionAttention("none", query_key_initializer="ones")
    layer.build((None, 2, 2, 8))

    starts = {
        weight.path.split("/")[-2]: bool((np.asarray(weight) == 1).all())
        for weight in layer.weights
        if weight.path.endswith("kernel")
    }

    assert starts == {"query": True, "key": True, "value": False, "out": False}


def test_matrices_of_equal_shape_start_differently():
    layer = PositionAttention("none")
    layer.build((None, 2, 2, 8))
    kernels = [np.asarray(w) for w in layer.weights if w.path.endswith("kernel")]

    assert len({kernel.tobytes() for kernel in kernels}) == 4


def test_learned_positions_start_by_their_initializer():
    initializer = keras.initializers.RandomNormal(stddev=2.0, seed=0)
    layer = PositionAttention(position_initializer=initializer)
    layer.build((None, 16, 16, 32))

    (positions,) = [w for w in layer.weights if w.path.endswith("positions")]
    deviation = float(ops.std(positions))

    # 8,192 draws: their deviation is within 5 * 2 / sqrt(2 * 8192) = 0.08 of 2.
    assert abs(deviation - 2.0) < 0.08


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"position": "rotary"}, None, "one of none, learned, sinusoidal; received"),
        ({"units": 0}, None, "units must be positive; received 0"),
        ({}, (2, 8, 4), r"received \(2, 8, 4\)"),
        ({}, (2, None, 4, 4), "all but the batch known"),
        ({"position": "sinusoidal"}, (2, 4, 4, 6), "that 4 divides .* received 6"),
    ],
)
def test_what_it_cannot_use_is_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        PositionAttention(**arguments).build(shape)
