"""The split grouped convolution against Keras's own and against arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.layers.grouped_conv2d import GroupedConv2D

SHAPE = (2, 7, 6, 8)


def images(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def both(shape=SHAPE, **arguments):
    """Ours and Keras's layer, built alike, with kernel and bias of their own."""
    layers = (GroupedConv2D(**arguments), keras.layers.Conv2D(**arguments))
    rng = np.random.default_rng(9)
    layers[0].build((None, *shape[1:]))
    layers[1].build((None, *shape[1:]))
    weights = [rng.normal(size=w.shape) for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def values_and_gradients(layer, inputs):
    """Outputs, and gradients of a weighted sum by inputs, kernel and bias."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        factors = images(5, outputs.shape)
        total = tf.reduce_sum(tf.cast(outputs, "float32") * factors)
    gradients = tape.gradient(total, [inputs, *(w.value for w in layer.weights)])
    return [np.asarray(tf.cast(t, "float32")) for t in (outputs, *gradients)]


def assert_both_agree(ours, kerass, inputs):
    found, expected = (values_and_gradients(f, inputs) for f in (ours, kerass))
    for our_value, keras_value in zip(found, expected, strict=True):
        np.testing.assert_allclose(our_value, keras_value, rtol=1e-4, atol=1e-4)


def operations_of(layer, shape=(None, *SHAPE[1:])):
    """Names of all operations in the forward graph, called functions included."""
    call = tf.function(layer, input_signature=[tf.TensorSpec(shape, "float32")])
    graph = call.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return [node.op for node in nodes]


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"strides": 2},
        {"strides": (2, 1)},
        {"dilation_rate": 2},
        {"dilation_rate": (1, 2)},
        {"kernel_size": 1},
        {"kernel_size": (2, 3)},
    ],
    ids=str,
)
def test_values_and_gradients_equal_keras(groups, padding, geometry):
    arguments = {"filters": 16, "kernel_size": 3, **geometry}
    layers = both(groups=groups, padding=padding, **arguments)
    assert_both_agree(*layers, images(0))


@pytest.mark.parametrize("groups", [2, 8])
@pytest.mark.parametrize("geometry", [{}, {"strides": 2}, {"dilation_rate": 2}])
def test_channels_first_equals_keras(groups, geometry):
    shape = (2, 8, 7, 6)
    arguments = {"filters": 8, "kernel_size": 3, "data_format": "channels_first"}
    layers = both(shape, groups=groups, **arguments, **geometry)
    assert_both_agree(*layers, images(0, shape))


def test_activation_without_bias_equals_keras():
    layers = both(filters=8, kernel_size=3, groups=4, activation="tanh", use_bias=False)
    assert_both_agree(*layers, images(0))


@pytest.mark.parametrize("groups", [2, 8])
@pytest.mark.parametrize(
    ("policy", "tolerance"),
    # Rounding moves a value by up to 2^-11 of it in float16 and 2^-8 in bfloat16, where
    # TensorFlow's kernels also sum in bfloat16 if oneDNN is off.
    [("mixed_float16", 2**-10), ("mixed_bfloat16", 2**-5)],
)
def test_mixed_precision_equals_keras_within_its_digits(groups, policy, tolerance):
    ours, kerass = both(filters=8, kernel_size=3, groups=groups, dtype=policy)
    assert ours(images(0)).dtype == kerass(images(0)).dtype
    found, expected = (values_and_gradients(f, images(0)) for f in (ours, kerass))
    for our_value, keras_value in zip(found, expected, strict=True):
        distance = np.linalg.norm(our_value - keras_value)
        assert distance <= tolerance * np.linalg.norm(keras_value)


def test_a_pointwise_convolution_of_two_groups_gives_the_numbers_by_hand():
    layer = GroupedConv2D(filters=2, kernel_size=1, groups=2)
    layer.build((None, 1, 1, 4))
    # Filter 0 has (10, 20) on channels 0 and 1; filter 1 has (30, 40) on 2 and 3.
    layer.set_weights([np.array([[[[10, 30], [20, 40]]]]), np.array([0.5, -0.5])])
    found = layer(np.array([[[[1, 2, 3, 4]]]], "float32"))
    # 1 * 10 + 2 * 20 + 0.5 = 50.5 and 3 * 30 + 4 * 40 - 0.5 = 249.5.
    np.testing.assert_array_equal(found, [[[[50.5, 249.5]]]])


def test_a_group_of_one_channel_feeds_its_own_two_filters():
    layer = GroupedConv2D(filters=4, kernel_size=1, groups=2, use_bias=False)
    layer.build((None, 1, 1, 2))
    layer.set_weights([np.array([[[[1, 2, 3, 4]]]])])
    found = layer(np.array([[[[10, 100]]]], "float32"))
    # Channel 0 times 1 and 2, then channel 1 times 3 and 4.
    np.testing.assert_array_equal(found, [[[[10, 20, 300, 400]]]])


def test_a_float16_kernel_gradient_is_not_summed_in_float16():
    layer = GroupedConv2D(2, 1, groups=2, use_bias=False, dtype="mixed_float16")
    layer.build((None, 64, 64, 4))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.cast(layer(tf.ones((1, 64, 64, 4))), "float32"))
    gradient = tape.gradient(total, layer.kernel.value)
    # 64 * 64 = 4096 ones; in float16, 2048 + 1 is 2048 again.
    np.testing.assert_array_equal(gradient, np.full((1, 1, 2, 2), 4096))


def test_weights_and_config_are_those_of_keras_both_ways():
    arguments = {"filters": 8, "kernel_size": 3, "groups": 4, "name": "same"}
    ours, kerass = GroupedConv2D(**arguments), keras.layers.Conv2D(**arguments)
    assert ours.get_config() == kerass.get_config()
    inputs = images(0)
    expected = kerass(inputs)
    copy = GroupedConv2D.from_config(kerass.get_config())
    copy.build(SHAPE)
    copy.set_weights(kerass.get_weights())
    assert copy.kernel.shape == (3, 3, 2, 8)
    np.testing.assert_allclose(copy(inputs), expected, atol=1e-5)
    back = keras.layers.Conv2D.from_config(copy.get_config())
    back.build(SHAPE)
    back.set_weights(copy.get_weights())
    np.testing.assert_array_equal(back(inputs), expected)


def test_lora_equals_keras():
    layers = both(filters=8, kernel_size=3, groups=4)
    for layer in layers:
        layer.enable_lora(2, a_initializer="ones", b_initializer="ones")
    assert_both_agree(*layers, images(0))


def test_a_saved_model_loads_in_safe_mode_and_still_splits(tmp_path):
    inputs = keras.Input((None, None, 8))
    model = keras.Model(inputs, GroupedConv2D(8, 3, groups=2, strides=2)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.layers[1]) is GroupedConv2D
    assert operations_of(loaded).count("Conv2D") == 2
    np.testing.assert_array_equal(loaded(images(0)), model(images(0)))


def test_each_group_is_an_ordinary_convolution_in_the_graph():
    operations = operations_of(GroupedConv2D(8, 3, groups=4))
    assert operations.count("Conv2D") == 4
    assert not any("PartitionedCall" in name for name in operations)


def test_groups_of_one_channel_are_one_depthwise_convolution_in_the_graph():
    operations = operations_of(GroupedConv2D(16, 3, groups=8))
    assert operations.count("DepthwiseConv2dNative") == 1
    assert "Conv2D" not in operations


def test_unequal_strides_split_because_the_depthwise_kernel_has_one_stride():
    operations = operations_of(GroupedConv2D(8, 3, groups=8, strides=(2, 1)))
    assert operations.count("Conv2D") == 8


def test_one_group_is_one_ordinary_convolution():
    operations = operations_of(GroupedConv2D(8, 3, groups=1))
    assert operations.count("Conv2D") == 1
    assert "Split" not in operations


@pytest.mark.parametrize("kind", ["GPU", "TPU"])
@pytest.mark.parametrize("groups", [4, 8])
def test_keras_computes_where_another_device_is_listed(monkeypatch, kind, groups):
    devices = [
        tf.config.LogicalDevice("/device:CPU:0", "CPU"),
        tf.config.LogicalDevice(f"/device:{kind}:0", kind),
    ]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    operations = operations_of(GroupedConv2D(8, 3, groups=groups))
    expected = operations_of(keras.layers.Conv2D(8, 3, groups=groups))
    assert operations.count("Conv2D") == 1
    assert sorted(operations) == sorted(expected)


@pytest.mark.parametrize("groups", [2, 8])
def test_batch_and_size_may_be_unknown_inside_a_graph(groups):
    ours, kerass = both(filters=8, kernel_size=3, groups=groups)
    spec = tf.TensorSpec((None, None, None, 8), "float32")
    call = tf.function(ours, input_signature=[spec])
    assert call(images(0)).shape == (2, 5, 4, 8)
    wide = images(1, (3, 5, 9, 8))
    np.testing.assert_allclose(call(wide), kerass(wide), atol=1e-5)


@pytest.mark.parametrize("groups", [2, 8])
def test_xla_compiles_it_to_equal_values(groups):
    layer = GroupedConv2D(8, 3, groups=groups)
    expected = layer(images(0))
    found = tf.function(layer, jit_compile=True)(images(0))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("groups", [2, 8])
def test_an_empty_batch_keeps_the_shape_of_the_outputs(groups):
    layer = GroupedConv2D(8, 3, groups=groups)
    assert layer(np.zeros((0, 7, 6, 8), "float32")).shape == (0, 5, 4, 8)


@pytest.mark.parametrize("groups", [2, 8])
def test_an_image_smaller_than_the_kernel_is_refused(groups):
    layer = GroupedConv2D(8, 3, groups=groups)
    layer.build((None, None, None, 8))
    with pytest.raises(ValueError, match="zero or negative"):
        layer(images(0, (2, 2, 2, 8)))


@pytest.mark.parametrize(
    ("groups", "message"),
    [(3, "number of filters must be evenly divisible"), (0, "positive integer")],
)
def test_groups_that_do_not_divide_the_filters_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        GroupedConv2D(filters=8, kernel_size=3, groups=groups)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="groups=4, but the input has 6 channels"):
        GroupedConv2D(filters=8, kernel_size=3, groups=4)(images(0, (2, 5, 5, 6)))
