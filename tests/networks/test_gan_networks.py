"""Generators and discriminators: published counts, and what goes where."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.errors import UsageError
from cai_keras.layers.spectral_normalization import SpectralNormalization
from cai_keras.networks.dcgan import (
    FORMS,
    RELEASED,
    SMALL,
    TORCH,
    DcganForm,
    build_dcgan_discriminator,
    build_dcgan_generator,
)
from cai_keras.networks.gan_resnet import (
    GanLayers,
    Mixing,
    build_resnet_discriminator,
    build_resnet_generator,
)
from cai_keras.networks.maxout import apply_maxout


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def as_array(tensor):
    return ops.convert_to_numpy(tensor)


PLAIN = GanLayers(False, "glorot_uniform", Mixing("none", 0))


def spectral(name="attention", side=8):
    return GanLayers(True, "glorot_uniform", Mixing(name, side))


# DCGAN.


@pytest.mark.parametrize(
    ("form", "generator", "discriminator", "shape"),
    [
        # Layer by layer: Newmu/dcgan_code, faces/train_uncond_dcgan.py.
        ("released", 18_885_760, 17_232_768, (64, 64, 3)),
        # soumith/dcgan.torch and the PyTorch example, widely printed.
        ("torch", 3_576_704, 2_765_568, (64, 64, 3)),
        # smartgeometry-ucl/dl4g, gan.ipynb.
        ("tutorial", 12_656_257, 11_033_985, (64, 64, 1)),
        # TensorFlow's tutorial "DCGAN".
        ("small", 2_305_472, 212_865, (28, 28, 1)),
    ],
)
def test_every_form_has_the_published_number_of_weights(
    form, generator, discriminator, shape
):
    made = build_dcgan_generator(FORMS[form])
    assert trainable(made) == generator
    assert made.output_shape[1:] == shape

    judge = build_dcgan_discriminator(FORMS[form])
    assert trainable(judge) == discriminator
    assert judge.output_shape == (None,)


TINY = replace(
    TORCH,
    filters=(8, 4),
    strides=(2, 2),
    discriminator_filters=(4, 8),
    discriminator_strides=(2, 2),
)


def test_the_generators_pictures_are_in_the_range_of_tanh():
    made = build_dcgan_generator(TINY, latent_size=5)

    pictures = as_array(made(10 * noise(6, 5), training=True))

    assert pictures.shape == (6, 16, 16, 3)
    assert np.abs(pictures).max() <= 1


@pytest.mark.parametrize("kernel_size", [4, 5])
def test_a_pixel_is_made_of_what_a_symmetric_convolution_would_have_read(kernel_size):
    # Position i of the small map reaches pixels 2 i - p ... 2 i - p + k - 1 with a
    # padding p = (k - 1) // 2 on the left: of 2 the kernel of 5 reaches 2 to 6, that of
    # 4, whose p is 1, 3 to 6.
    form = DcganForm((1,), 4, (2,), (2,), (2,), kernel_size, 1)
    made = build_dcgan_generator(form, latent_size=3)
    picture = made.get_layer("picture")
    picture.set_weights([np.ones_like(picture.get_weights()[0])])
    part = keras.Model(picture.input, made.get_layer("picture_crop").output)
    maps = np.zeros((1, 4, 4, 1), "float32")
    maps[0, 2, 2] = 1.0

    found = np.flatnonzero(as_array(part(maps))[0].sum(axis=(1, 2)))

    expected = {4: [3, 4, 5, 6], 5: [2, 3, 4, 5, 6]}[kernel_size]
    np.testing.assert_array_equal(found, expected)


def test_no_norm_stands_before_the_picture_or_behind_it():
    # DCGAN's rule: not in the generator's last layer, not in the discriminator's first.
    def norms(network):
        return [layer.name for layer in network.layers if layer.name.endswith("_norm")]

    assert norms(build_dcgan_generator(TORCH)) == [
        "stem_norm", "up1_norm", "up2_norm", "up3_norm",
    ]  # fmt: skip
    assert norms(build_dcgan_discriminator(TORCH)) == [
        "down2_norm", "down3_norm", "down4_norm",
    ]  # fmt: skip
    assert norms(build_dcgan_discriminator(SMALL)) == []


def test_units_of_the_released_forms_dense_layer_have_moments_of_their_own():
    released = build_dcgan_generator(replace(RELEASED, filters=(8, 4, 4, 4)))

    assert released.get_layer("stem_norm").moving_mean.shape == (4 * 4 * 8,)
    torch_like = build_dcgan_generator(replace(TORCH, filters=(8, 4, 4, 4)))
    assert torch_like.get_layer("stem_norm").moving_mean.shape == (8,)


# Residual networks.


@pytest.mark.slow
def test_sagan_at_paper_scale_has_the_published_number_of_weights_and_takes_a_step():
    import tensorflow as tf

    make = spectral(side=32)
    generator = build_resnet_generator(make)
    judge = build_resnet_discriminator(make)
    # Together 81.5 million, as Brock et al. 2019 print for their SA-GAN baseline.
    assert trainable(generator) == 42_078_852
    assert trainable(judge) == 39_463_618

    labels = np.array([3, 999])
    with tf.GradientTape() as tape:
        pictures = generator([noise(2, 128), labels], training=True)
        scores = judge([pictures, labels], training=True)
        loss = -ops.mean(scores)
    variables = [*generator.trainable_variables, *judge.trainable_variables]
    gradients = tape.gradient(loss, [variable.value for variable in variables])

    assert pictures.shape == (2, 128, 128, 3)
    assert scores.shape == (2,)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_without_classes_there_are_neither_labels_nor_conditional_norms():
    generator = build_resnet_generator(
        PLAIN, (8, 8), 8, latent_size=6, channels=1, classes=None
    )
    judge = build_resnet_discriminator(PLAIN, (16, 16, 1), (8, 8), 1, classes=None)

    pictures = generator(noise(3, 6))
    assert pictures.shape == (3, 16, 16, 1)
    assert judge(pictures).shape == (3,)


@pytest.mark.parametrize("side", [8, 16])
def test_attention_stands_where_the_maps_have_its_size(side):
    # The generator's blocks give maps of 8 and 16 pixels with 16 and 24 channels; the
    # discriminator's halve 32 pixels to 16 and 8.
    make = spectral(side=side)
    generator = build_resnet_generator(make, (16, 24), 8, classes=None)
    judge = build_resnet_discriminator(make, (32, 32, 3), (16, 24), 0, classes=None)

    maps = generator.get_layer("attention").input
    assert maps.shape[1:] == {8: (8, 8, 16), 16: (16, 16, 24)}[side]
    maps = judge.get_layer("attention").input
    assert maps.shape[1:] == {16: (16, 16, 16), 8: (8, 8, 24)}[side]


def test_the_residual_control_has_as_many_weights_as_attention():
    # 1.25 C^2 + 1 against 2 x 9 C k with k = round(1.25 C / 18): C = 72, k = 5.
    def weights_at(name):
        make = GanLayers(False, "glorot_uniform", Mixing(name, 8))
        return trainable(build_resnet_generator(make, (72,), 8, classes=None))

    attention, residual, none = map(weights_at, ("attention", "residual", "none"))

    assert attention - none == 1.25 * 72**2 + 1
    assert residual - none == 2 * 9 * 72 * 5


def test_every_convolution_and_dense_layer_is_normalised_if_asked_for():
    judge = build_resnet_discriminator(spectral(), (32, 32, 3), (8, 8, 8), 1, 10)

    plain = [
        layer.name
        for layer in judge.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    ]
    wrapped = [x for x in judge.layers if isinstance(x, SpectralNormalization)]

    assert plain == []
    # Three convolutions in each block but the flat one, which has no shortcut.
    assert len(wrapped) == 3 * 3 + 2
    assert judge.get_layer("score").use_spectral_norm


def test_a_label_moves_the_generators_picture_and_the_discriminators_score():
    make = spectral("none", 0)
    generator = build_resnet_generator(make, (8,), 8, latent_size=6, classes=3)
    judge = build_resnet_discriminator(make, (8, 8, 3), (8,), 0, classes=3)
    for layer in generator.layers:
        if layer.name.endswith("_norm1"):
            layer.gamma.assign(noise(*layer.gamma.shape))
    latent = np.repeat(noise(1, 6), 3, axis=0)

    pictures = as_array(generator([latent, np.arange(3)]))
    scores = as_array(judge([np.repeat(pictures[:1], 3, axis=0), np.arange(3)]))

    assert np.abs(pictures[0] - pictures[1]).max() > 1e-3
    assert len(set(np.round(scores, 5))) == 3


def test_features_are_summed_over_positions_and_not_averaged():
    # A network of flat blocks that add nothing: relu(x) goes to the head as it is.
    judge = build_resnet_discriminator(PLAIN, (4, 4, 3), (2,), 0, classes=None)
    for layer in judge.layers:
        if isinstance(layer, keras.layers.Conv2D):
            zeros = [0 * weight for weight in layer.get_weights()]
            if layer.name == "block1_shortcut":
                zeros[1] = np.array([1.0, -1.0])
            layer.set_weights(zeros)
    judge.get_layer("score").set_weights([np.array([[1.0], [10.0]]), np.array([0.5])])

    # Four positions with features relu(1) and relu(-1): 4 + 0 + 0.5.
    assert float(judge(noise(1, 4, 4, 3))[0]) == pytest.approx(4.5)


def test_an_unknown_mixing_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"mixing: .* 'attention'"):
        Mixing("atention", 32)


# Maxout.


def test_a_maxout_unit_is_the_largest_of_its_pieces():
    x = keras.Input((1,))
    network = keras.Model(x, apply_maxout(x, units=2, pieces=3, name="hidden"))
    # Unit 0: x, -x and 0.5; unit 1: 2 x, 0 and -1.
    network.get_layer("hidden").set_weights(
        [np.array([[1.0, -1, 0, 2, 0, 0]]), np.array([0.0, 0, 0.5, 0, 0, -1])]
    )

    found = as_array(network(np.array([[3.0], [-2.0], [0.1]], "float32")))

    np.testing.assert_allclose(found, [[3, 6], [2, 0], [0.5, 0.2]], rtol=1e-6)
