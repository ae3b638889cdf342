"""Networks of Johnson et al. 2016: parameters, sizes, blocks, range of the pictures."""

import keras
import numpy as np
import pytest
from keras import ops
from parameter_counts import trainable_parameters

from cai_keras.errors import UsageError
from cai_keras.networks.transform_net import (
    MEAN_COLOUR,
    NORMS,
    UPSAMPLINGS,
    build_style_transform,
    build_super_resolution,
)

TINY = (4, 5, 6)
NETWORKS = {
    "style": lambda **more: build_style_transform(TINY, 2, **more),
    "super_resolution": lambda **more: build_super_resolution(4, 4, 2, **more),
}
every_network = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS.keys())


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def part(network, first, last):
    """From the input of one layer to the output of another."""
    start, end = network.get_layer(first), network.get_layer(last)
    return keras.Model(start.input, end.output)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_parameters_of_the_style_network(norm, upsampling):
    # Card: 1,676,035 of convolutions and 3,200 of norms.
    network = build_style_transform(norm=norm, upsampling=upsampling)

    assert trainable_parameters(network) == 1_679_235


def test_parameters_with_moving_statistics():
    # 2 for each of the norms' 1,600 channels.
    assert build_style_transform(norm="batch").count_params() == 1_682_435
    assert build_style_transform(norm="instance").count_params() == 1_679_235


def test_parameters_of_the_style_network_of_half_width():
    network = build_style_transform((16, 32, 64), norm="instance")

    assert trainable_parameters(network) == 424_899


@pytest.mark.parametrize(("factor", "expected"), [(4, 401_859), (8, 438_915)])
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_parameters_of_super_resolution(factor, expected, upsampling):
    # 9x9: 15,616 and 15,555; 8 x 36,928 in blocks; 2 or 3 x 36,928 in enlargements;
    # 128 for each of 11 or 12 norms.
    network = build_super_resolution(factor, upsampling=upsampling)

    assert trainable_parameters(network) == expected


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("size", [(64, 48), (44, 92)])
def test_a_styled_picture_has_the_size_of_its_original(upsampling, size):
    known = build_style_transform(TINY, upsampling=upsampling, image_shape=(*size, 3))
    unknown = build_style_transform(TINY, upsampling=upsampling)

    assert known.output_shape == (None, *size, 3)
    assert unknown.output_shape[-1] == 3
    assert unknown(pictures(2, *size, 3)).shape == (2, *size, 3)


def test_a_picture_with_other_sides_comes_out_at_the_next_multiple_of_4():
    network = build_style_transform(TINY)

    assert network(pictures(1, 45, 50, 3)).shape == (1, 48, 52, 3)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_a_larger_picture_has_the_factor_times_the_size(factor, upsampling):
    known = build_super_resolution(
        factor, 4, upsampling=upsampling, image_shape=(11, 9, 3)
    )
    unknown = build_super_resolution(factor, 4, upsampling=upsampling)

    assert known.output_shape == (None, 11 * factor, 9 * factor, 3)
    found = unknown(pictures(1, 11, 9, 3))
    assert found.shape == (1, 11 * factor, 9 * factor, 3)


def test_maps_have_the_sizes_of_the_released_network():
    network = build_style_transform(TINY, image_shape=(256, 256, 3))

    names = ["padding", "stem_conv", "down1_conv", "down2_conv", "residual1_norm2",
             "residual5_norm2", "up1_conv_crop", "up2_conv_crop"]  # fmt: skip
    sizes = [network.get_layer(name).output.shape[1] for name in names]
    assert sizes == [336, 336, 168, 84, 80, 64, 128, 256]


def test_the_style_network_mirrors_40_pixels_of_the_picture_less_its_mean():
    network = build_style_transform(TINY)
    x = pictures(1, 44, 48, 3)

    found = part(network, "prepare", "padding")(x)

    around = [(0, 0), (40, 40), (40, 40), (0, 0)]
    expected = np.pad(x - np.array(MEAN_COLOUR), around, mode="reflect")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_super_resolution_mirrors_what_its_blocks_take_away():
    # 4 blocks x 2 pixels.
    network = build_super_resolution(4, 4)

    assert network.get_layer("padding").padding == ((8, 8), (8, 8))


def test_a_residual_block_adds_to_its_input_cropped_by_2():
    network = build_style_transform((3,), residual_blocks=1)
    network.get_layer("residual1_norm2").gamma.assign(np.zeros(3))
    # What the picture's convolution gets, without enlargements: the block's sum.
    block = keras.Model(
        network.get_layer("residual1_skip").input,
        network.get_layer("picture_conv").input,
    )
    # Negative values show that no ReLU follows the sum.
    x = np.random.default_rng(0).normal(size=(1, 8, 9, 3)).astype("float32")

    np.testing.assert_array_equal(block(x), x[:, 2:-2, 2:-2])


def test_the_second_convolution_of_a_block_has_no_relu():
    network = build_style_transform((3,), residual_blocks=1)
    network.get_layer("residual1_norm2").beta.assign([-5.0, -6.0, -7.0])
    network.get_layer("residual1_norm2").gamma.assign(np.zeros(3))
    block = keras.Model(
        network.get_layer("residual1_skip").input,
        network.get_layer("picture_conv").input,
    )

    found = block(np.ones((1, 5, 5, 3), "float32"))

    np.testing.assert_array_equal(found, np.full((1, 1, 1, 3), [-4, -5, -6]))


def test_pixel_i_of_a_transposed_convolution_goes_to_2_i_and_its_neighbours():
    network = build_style_transform((1, 1), residual_blocks=1)
    enlarge = part(network, "up1_conv", "up1_conv_crop")
    kernel = np.arange(1.0, 10.0).reshape(3, 3)
    network.get_layer("up1_conv").set_weights([kernel[..., None, None], np.zeros(1)])
    x = np.zeros((1, 2, 2, 1), "float32")
    x[0, 1, 0] = 1.0

    found = np.asarray(enlarge(x))[0, ..., 0]

    # Row 1 goes to rows 1, 2, 3; column 0 to columns -1 (lost), 0, 1.
    expected = [[0, 0, 0, 0], [2, 3, 0, 0], [5, 6, 0, 0], [8, 9, 0, 0]]
    np.testing.assert_array_equal(found, expected)


def test_neighbours_of_a_transposed_convolution_are_summed_between_them():
    network = build_style_transform((1, 1), residual_blocks=1)
    enlarge = part(network, "up1_conv", "up1_conv_crop")
    kernel = np.zeros((3, 3))
    kernel[1] = [1.0, 2.0, 4.0]
    network.get_layer("up1_conv").set_weights([kernel[..., None, None], np.zeros(1)])

    found = np.asarray(enlarge(np.array([[[[10.0], [1.0]]]], "float32")))

    # y_0 = 2 a, y_1 = 4 a + b, y_2 = 2 b, y_3 = 4 b; the second row gets zeros.
    np.testing.assert_array_equal(found[0, :, :, 0], [[20, 41, 2, 4], [0, 0, 0, 0]])


def test_a_strided_convolution_is_padded_with_one_zero_before():
    network = build_style_transform((1, 1), residual_blocks=1)
    halve = part(network, "down1_conv_padding", "down1_conv")
    kernel = np.zeros((3, 3))
    kernel[1] = [100.0, 10.0, 1.0]
    network.get_layer("down1_conv").set_weights([kernel[..., None, None], np.zeros(1)])

    found = np.asarray(halve(np.array([1, 2, 3, 4], "float32").reshape(1, 1, 4, 1)))

    # 0 1 2 and 2 3 4; "same" of Keras would give 1 2 3 and 3 4 0.
    np.testing.assert_array_equal(found[0, 0, :, 0], [12, 234])


def test_resized_maps_repeat_each_pixel_before_the_convolution():
    network = build_style_transform((1, 1), residual_blocks=1, upsampling="resized")
    enlarge = part(network, "up1_conv_nearest", "up1_conv")
    kernel = np.zeros((3, 3))
    kernel[1] = [100.0, 10.0, 1.0]
    network.get_layer("up1_conv").set_weights([kernel[..., None, None], np.zeros(1)])

    found = np.asarray(enlarge(np.array([[[[1.0], [2.0]]]], "float32")))

    # 1 1 2 2 with a zero at both ends.
    np.testing.assert_array_equal(found[0, :, :, 0], [[11, 112, 122, 220]] * 2)


@pytest.mark.parametrize(
    ("name", "numbers_summed"),
    # (4, 8): 3 channels x 9 x 9, 4 x 3 x 3, 8 x 3 x 3 and, forwards, 8 x 3 x 3.
    [("stem_conv", 243), ("down1_conv", 36), ("residual1_conv1", 72), ("up1_conv", 72),
     ("picture_conv", 324)],
)  # fmt: skip
def test_kernels_and_biases_start_uniform_as_in_torch(name, numbers_summed):
    keras.utils.set_random_seed(0)
    layer = build_style_transform((4, 8), residual_blocks=1).get_layer(name)
    kernel, bias = layer.get_weights()

    bound = 1 / np.sqrt(numbers_summed)
    assert 0.95 * bound < np.abs(kernel).max() <= bound
    # Deviation of a uniform distribution: the bound / sqrt(3).
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
    assert np.abs(bias).max() <= bound
    assert len(set(bias.tolist())) == len(bias)


@every_network
def test_colours_span_150_of_255_around_the_mean_and_are_not_clipped(build):
    network = build()
    last = network.get_layer("picture_conv")
    last.kernel.assign(np.zeros(last.kernel.shape))
    x = pictures(1, 24, 24, 3)
    mean = np.array([123.68, 116.779, 103.939]) / 255

    for bias, expected in ((0.0, mean), (50.0, mean + 150 / 255),
                           (-50.0, mean - 150 / 255)):  # fmt: skip
        last.bias.assign(np.full(3, bias))
        found = np.asarray(network(x))
        np.testing.assert_allclose(
            found, np.broadcast_to(expected, found.shape), atol=1e-6
        )


@pytest.mark.parametrize("norm", NORMS)
def test_an_instance_norm_knows_one_picture_and_a_batch_norm_all(norm):
    network = build_style_transform(TINY, 1, norm=norm)
    x = pictures(2, 12, 12, 3)

    together = np.asarray(network(x, training=True))
    alone = np.asarray(network(x[:1], training=True))

    is_alone = np.allclose(together[:1], alone, atol=1e-5)
    assert is_alone == (norm == "instance")


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"
)
@every_network
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_the_first_steps_gradient_reaches_every_weight(build, norm, upsampling):
    import tensorflow as tf

    network = build(norm=norm, upsampling=upsampling)
    variables = [weight.value for weight in network.trainable_weights]
    with tf.GradientTape() as tape:
        found = network(pictures(2, 20, 20, 3), training=True)
        factors = pictures(*found.shape, seed=1) - 0.5
        total = ops.sum(found * factors)

    gradients = tape.gradient(total, variables)

    for gradient, weight in zip(gradients, network.trainable_weights, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        # A norm takes away the bias before it.
        assert np.any(gradient != 0) or weight.name == "bias", weight.path


@every_network
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_a_saved_network_loads_in_safe_mode(build, norm, upsampling, tmp_path):
    network = build(norm=norm, upsampling=upsampling)
    x = pictures(1, 20, 24, 3)

    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)

    np.testing.assert_array_equal(loaded(x), network(x))


@every_network
@pytest.mark.parametrize("norm", NORMS)
def test_mixed_precision_gives_float32_pictures(build, norm):
    single = build(norm=norm)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(norm=norm)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(single.get_weights())
    x = pictures(2, 20, 20, 3)

    found = mixed(x, training=True)

    assert mixed.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    # 8 binary digits, and norms that divide by the deviations of small maps.
    np.testing.assert_allclose(found, single(x, training=True), atol=0.1)


@every_network
def test_an_unknown_name_is_refused_with_the_nearest(build):
    with pytest.raises(UsageError, match=r"norm: .*'instanc'; did you mean 'instance'"):
        build(norm="instanc")
    with pytest.raises(UsageError, match=r"upsampling: .* did you mean 'transposed'"):
        build(upsampling="transpose")


def test_a_known_side_that_is_no_multiple_of_4_is_refused():
    with pytest.raises(ValueError, match="multiples of 4; received 64 x 50"):
        build_style_transform(TINY, image_shape=(64, 50, 3))


def test_a_known_side_no_larger_than_the_padding_is_refused():
    with pytest.raises(
        ValueError, match=r"width must be larger than .* 40; received 40"
    ):
        build_style_transform(TINY, image_shape=(44, 40, 3))


@pytest.mark.parametrize("factor", [0, 1, 3, 6])
def test_a_factor_that_is_no_power_of_2_is_refused(factor):
    with pytest.raises(ValueError, match=f"power of 2 from 2; received {factor}"):
        build_super_resolution(factor)
