"""The Siamese network: its size, symmetry and start, and its two learning rules."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.cli.papers import find_paper
from reproductions.siamese_one_shot.learner import LEARNERS
from reproductions.siamese_one_shot.model import build_siamese

SIDE = 15
# Layer -> scalars. Convolutions: (k * k * in + 1) * out; the last feature map is
# 6 x 6 x 256 = 9,216.
PUBLISHED = {
    "conv1": 6_464,  # (10 * 10 * 1 + 1) * 64
    "conv2": 401_536,  # (7 * 7 * 64 + 1) * 128
    "conv3": 262_272,  # (4 * 4 * 128 + 1) * 128
    "conv4": 524_544,  # (4 * 4 * 128 + 1) * 256
    "embedding": 37_752_832,  # (9216 + 1) * 4096
}
# Without padding: 105 - 10 + 1 = 96, halved 48; 42, 21; 18, 9; 6.
SIZES = {
    "conv1": 96, "pool1": 48, "conv2": 42, "pool2": 21, "conv3": 18, "pool3": 9,
    "conv4": 6,
}  # fmt: skip


def recipe(scale, variant="conv", *sets):
    return find_paper("siamese_one_shot").recipe(scale, variant, sets=sets)


@pytest.fixture(scope="module")
def published():
    """The network of Figure 4, at 105 x 105."""
    keras.utils.set_random_seed(0)
    settings = recipe("paper")
    network = build_siamese(settings.data.image_side, settings.model)
    yield network
    keras.backend.clear_session()


def tiny_network(variant="conv", *sets):
    keras.utils.set_random_seed(0)
    return build_siamese(SIDE, recipe("smoke", variant, *sets).model)


def images(*shape):
    return np.random.default_rng(0).random((*shape, SIDE, SIDE, 1), np.float32)


def numpy_logits(network, first, second):
    """sum_j alpha_j |h1_j - h2_j| + b of the embeddings' last axis."""
    alpha, bias = (keras.ops.convert_to_numpy(w) for w in network.similarity.weights)
    return np.abs(first - second) @ alpha[:, 0] + bias[0]


def embed(network, pictures):
    return keras.ops.convert_to_numpy(network.encoder(pictures, training=True))


def make_learner(rule, network):
    return LEARNERS[rule]({"siamese": network}, {"siamese": keras.optimizers.SGD(0.1)})


def only_losses(learner, batch):
    (update,) = learner.updates()
    ((_, losses),) = update.losses(batch).items()
    return keras.ops.convert_to_numpy(losses)


# The published network


def test_the_network_has_38_951_745_parameters(published):
    # 6,464 + 401,536 + 262,272 + 524,544 + 37,752,832 + 4,097
    assert published.count_params() == 38_951_745


@pytest.mark.parametrize(("layer", "count"), PUBLISHED.items())
def test_each_layer_has_the_published_number_of_parameters(published, layer, count):
    assert published.encoder.get_layer(layer).count_params() == count


def test_the_similarity_has_a_weight_for_each_feature_and_a_bias(published):
    assert published.similarity.count_params() == 4096 + 1


@pytest.mark.parametrize(("layer", "side"), SIZES.items())
def test_feature_maps_have_the_published_sizes(published, layer, side):
    _, height, width, _ = published.encoder.get_layer(layer).output.shape

    assert (height, width) == (side, side)


def test_the_published_start_is_normal_with_the_papers_moments(published):
    # Section 3.2. The mean of n draws has standard deviation s / sqrt(n), and so,
    # nearly, s / sqrt(2 n) their standard deviation; the bounds are 5 of them.
    kernels = {"conv1": 0.01, "conv4": 0.01, "embedding": 0.2}
    for name, scale in kernels.items():
        kernel = keras.ops.convert_to_numpy(published.encoder.get_layer(name).kernel)
        bound = 5 * scale / np.sqrt(kernel.size)
        assert abs(kernel.mean(dtype=np.float64)) < bound
        assert abs(kernel.std(dtype=np.float64) - scale) < bound
    alpha = keras.ops.convert_to_numpy(published.similarity.kernel)
    assert abs(alpha.mean()) < 5 * 0.2 / np.sqrt(4096)
    assert abs(alpha.std() - 0.2) < 5 * 0.2 / np.sqrt(2 * 4096)


def test_the_published_biases_start_around_one_half(published):
    biases = [
        keras.ops.convert_to_numpy(published.encoder.get_layer(name).bias)
        for name in PUBLISHED
    ]

    for bias in biases:
        assert abs(bias.mean() - 0.5) < 5 * 0.01 / np.sqrt(bias.size)
        assert abs(bias.std() - 0.01) < 5 * 0.01 / np.sqrt(bias.size)
    assert abs(float(published.similarity.bias[0]) - 0.5) < 5 * 0.01


def test_layers_of_equal_shape_start_differently(published):
    second = keras.ops.convert_to_numpy(published.encoder.get_layer("conv2").bias)
    third = keras.ops.convert_to_numpy(published.encoder.get_layer("conv3").bias)

    assert second.shape == third.shape
    assert not np.array_equal(second, third)


def test_every_kernel_is_regularised_and_no_bias(published):
    kernels = [published.encoder.get_layer(name).kernel for name in PUBLISHED]
    squares = [
        np.square(keras.ops.convert_to_numpy(kernel), dtype=np.float64).sum()
        for kernel in [*kernels, published.similarity.kernel]
    ]

    # L2 of 2e-4 on the kernels of all six layers.
    assert len(published.losses) == 6
    total = sum(float(penalty) for penalty in published.losses)
    assert total == pytest.approx(2e-4 * sum(squares), rel=1e-4)


# Any network


@pytest.mark.parametrize("variant", ["conv", "fully_connected"])
def test_the_similarity_is_symmetric(variant):
    network = tiny_network(variant)
    first, second = images(2, 3)

    forward = keras.ops.convert_to_numpy(network((first, second)))
    backward = keras.ops.convert_to_numpy(network((second, first)))

    assert forward.shape == (3,)
    np.testing.assert_allclose(forward, backward, atol=1e-6)
    assert np.ptp(forward) > 0


def test_an_image_and_itself_get_the_bias():
    network = tiny_network()
    network.similarity.bias.assign([0.25])
    first, _ = images(2, 3)

    # All distances are 0.
    np.testing.assert_allclose(network((first, first)), [0.25] * 3, atol=1e-6)


def test_embeddings_are_between_zero_and_one():
    h = embed(tiny_network(), 10 * images(5))

    assert h.min() > 0
    assert h.max() < 1


@pytest.mark.parametrize("variant", ["conv", "fully_connected"])
def test_a_saved_network_loads_safely_and_gives_equal_outputs(tmp_path, variant):
    network = tiny_network(variant)
    first, second = images(2, 3)
    expected = keras.ops.convert_to_numpy(network((first, second)))
    network.save(tmp_path / "siamese.keras")

    loaded = keras.saving.load_model(tmp_path / "siamese.keras", safe_mode=True)

    found = keras.ops.convert_to_numpy(loaded((first, second)))
    np.testing.assert_array_equal(found, expected)
    assert type(loaded) is type(network)


def test_without_batch_normalisation_convolutions_have_biases():
    plain = tiny_network("conv", "model.batch_norm=null")
    normalised = tiny_network("conv")

    assert plain.encoder.get_layer("conv1").use_bias
    assert not normalised.encoder.get_layer("conv1").use_bias


# Learners


def pair_batch():
    return {
        "images": tf.constant(images(4, 2)),
        "same": tf.constant([1.0, 0.0, 1.0, 0.0]),
    }


def group_batch():
    return {"images": tf.constant(images(2, 6))}


def test_the_verification_loss_is_the_cross_entropy_of_each_pair():
    network = tiny_network("fully_connected")
    batch = pair_batch()

    losses = only_losses(make_learner("verification", network), batch)

    h = embed(network, batch["images"].numpy().reshape(8, SIDE, SIDE, 1))
    h = h.reshape(4, 2, -1)
    p = 1 / (1 + np.exp(-numpy_logits(network, h[:, 0], h[:, 1])))
    np.testing.assert_allclose(
        losses, -np.log([p[0], 1 - p[1], p[2], 1 - p[3]]), rtol=1e-4
    )


def test_the_matching_loss_is_the_cross_entropy_of_finding_the_twin():
    network = tiny_network("fully_connected")
    batch = group_batch()

    losses = only_losses(make_learner("matching", network), batch)

    h = embed(network, batch["images"].numpy().reshape(12, SIDE, SIDE, 1))
    h = h.reshape(2, 6, -1)
    scores = np.exp(numpy_logits(network, h[:, :, None], h[:, None]))
    scores[:, range(6), range(6)] = 0  # nobody is its own twin
    p = scores / scores.sum(axis=2, keepdims=True)
    twins = p[:, range(6), [1, 0, 3, 2, 5, 4]]
    np.testing.assert_allclose(losses, -np.log(twins).mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize("variant", ["conv", "fully_connected"])
@pytest.mark.parametrize(
    ("rule", "batch"), [("verification", pair_batch), ("matching", group_batch)]
)
def test_every_trainable_weight_gets_a_gradient(variant, rule, batch):
    network = tiny_network(variant, "model.initialisation=scaled")
    (update,) = make_learner(rule, network).updates()

    with tf.GradientTape() as tape:
        (losses,) = update.losses(batch()).values()
        total = tf.reduce_sum(losses)
    weights = network.trainable_variables
    gradients = tape.gradient(total, [weight.value for weight in weights])

    sizes = {
        weight.path: float(tf.reduce_max(tf.abs(gradient)))
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is not None
    }
    assert len(sizes) == len(weights)
    # A bias common to all candidates cancels in the softmax of matching.
    bias = sizes.pop(network.similarity.bias.path)
    assert (bias > 1e-6) == (rule == "verification")
    assert min(sizes.values()) > 0


@pytest.mark.parametrize(
    ("rule", "batch"), [("verification", pair_batch), ("matching", group_batch)]
)
def test_a_step_of_gradient_descent_lowers_the_loss(rule, batch):
    learner = make_learner(rule, tiny_network("fully_connected"))
    learner.build_optimizers()
    before = only_losses(learner, batch()).mean()

    learner.train_step(batch())

    assert only_losses(learner, batch()).mean() < before
