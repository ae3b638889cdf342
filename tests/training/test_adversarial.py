"""The learning rule of two players: whose weights move, and by which losses."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from cai_keras.errors import UsageError
from cai_keras.layers.spectral_normalization import SpectralNormalization
from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES
from cai_keras.training.adversarial import AdversarialLearner, SlopePenalty
from cai_keras.training.updates import apply_updates

RATE = 0.1


def generator(labelled=False):
    """x = 2 z, and 10 more for each class after the first."""
    latent = keras.Input((1,))
    x = layers.Dense(1, kernel_initializer=keras.initializers.Constant(2.0))(latent)
    if not labelled:
        return keras.Model(latent, x)
    label = keras.Input((), dtype="int32")
    shift = 10.0 * ops.cast(label, "float32")
    return keras.Model([latent, label], x + shift[:, None])


def discriminator(labelled=False, layer=None):
    """s = 3 x, and 1 more for each class after the first."""
    picture = keras.Input((1,))
    layer = layer or layers.Dense(
        1, kernel_initializer=keras.initializers.Constant(3.0)
    )
    score = layers.Reshape(())(layer(picture))
    if not labelled:
        return keras.Model(picture, score)
    label = keras.Input((), dtype="int32")
    return keras.Model([picture, label], score + ops.cast(label, "float32"))


def learner(loss="wasserstein", networks=None, **options):
    networks = networks or {
        "generator": generator(),
        "discriminator": discriminator(),
    }
    optimizers = {name: keras.optimizers.SGD(RATE) for name in networks}
    return AdversarialLearner(networks, optimizers, ADVERSARIAL_LOSSES[loss], **options)


def batch(**more):
    given = {
        "image": [[1.0], [2.0]],
        "latent": [[0.5], [1.0]],
        "latent_again": [[1.0], [3.0]],
        "mix": [0.5, 0.25],
        **more,
    }
    return {
        name: ops.convert_to_tensor(np.array(values, np.asarray(values).dtype.name))
        if np.asarray(values).dtype.kind == "i"
        else ops.convert_to_tensor(np.array(values, "float32"))
        for name, values in given.items()
    }


def weights_of(network):
    return [ops.convert_to_numpy(weight) for weight in network.trainable_weights]


@pytest.mark.parametrize("joint_batches", [False, True])
def test_losses_are_those_of_real_and_generated_scores(joint_batches):
    made = learner(joint_batches=joint_batches)

    found = made.discriminator_losses(batch())

    # Scores are 3 x: of 1 and 2, and of 2 z = 1 and 2.
    np.testing.assert_allclose(found["real"], [-3.0, -6.0])
    np.testing.assert_allclose(found["fake"], [3.0, 6.0])
    found = made.generator_losses(batch())
    np.testing.assert_allclose(found["adversarial"], [-6.0, -18.0])


def test_a_step_moves_the_discriminator_first_and_the_generator_against_it():
    made = learner()

    metrics = apply_updates(made, batch())

    # d/dw of (-w mean(x) + w mean(2 z)) = -1.5 + 1.5 = 0 and for the bias -1 + 1 = 0:
    # the discriminator stays. d/dv of -3 (v z + b) = -3 mean(z) = -6: v = 2 + 0.6.
    np.testing.assert_allclose(weights_of(made.networks["discriminator"])[0], 3.0)
    kernel, bias = weights_of(made.networks["generator"])
    np.testing.assert_allclose(kernel, 2.6, rtol=1e-6)
    np.testing.assert_allclose(bias, 0.3, rtol=1e-6)
    assert float(metrics["discriminator/real"]) == pytest.approx(-4.5)
    assert float(metrics["generator/adversarial"]) == pytest.approx(-12.0)


@pytest.mark.parametrize("joint_batches", [False, True])
def test_labels_go_to_the_networks_that_take_them(joint_batches):
    networks = {
        "generator": generator(labelled=True),
        "discriminator": discriminator(labelled=True),
    }
    made = learner(
        networks=networks,
        labelled=frozenset(networks),
        joint_batches=joint_batches,
    )
    given = batch(label=[0, 1], fake_label=[1, 0], fake_label_again=[1, 1])

    found = made.discriminator_losses(given)

    # Real: 3 x 1 + 0 and 3 x 2 + 1. Generated: 3 x (1 + 10) + 1 and 3 x 2 + 0.
    np.testing.assert_allclose(found["real"], [-3.0, -7.0])
    np.testing.assert_allclose(found["fake"], [34.0, 6.0])
    found = made.generator_losses(given)
    np.testing.assert_allclose(found["adversarial"], [-37.0, -49.0])


def test_only_the_generator_may_have_labels():
    networks = {
        "generator": generator(labelled=True),
        "discriminator": discriminator(),
    }
    made = learner(networks=networks, labelled=frozenset({"generator"}))
    given = batch(label=[0, 1], fake_label=[1, 0], fake_label_again=[0, 0])

    np.testing.assert_allclose(made.discriminator_losses(given)["fake"], [33.0, 6.0])


@pytest.mark.parametrize(
    # The slope is 3 everywhere: (3 - 1)^2 = 4, and 9 / 2.
    ("name", "expected"),
    [("gradient_penalty", 4.0), ("r1", 4.5)],
)
def test_the_penalty_is_of_the_slope_and_weighed_in_the_sum(name, expected):
    made = learner(penalty=SlopePenalty(name, 10.0))

    found = made.discriminator_losses(batch())
    metrics = apply_updates(made, batch())

    np.testing.assert_allclose(found["penalty"], [expected] * 2, rtol=1e-6)
    # Real and fake cancel: see above.
    assert float(metrics["discriminator/total"]) == pytest.approx(10 * expected)


def test_spectral_normalisation_moves_once_in_a_step_of_joint_batches():
    wrapped = SpectralNormalization(layers.Dense(1))
    networks = {
        "generator": generator(),
        "discriminator": discriminator(layer=wrapped),
    }
    made = learner(networks=networks, joint_batches=True)
    seen = []
    original = wrapped._iterate
    before = ops.convert_to_numpy(wrapped.vector)

    def watch():
        seen.append(ops.convert_to_numpy(wrapped.vector))
        return original()

    wrapped._iterate = watch
    apply_updates(made, batch())

    # One call in each update; what the second sees, the first has left.
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], before)
    np.testing.assert_array_equal(seen[1], ops.convert_to_numpy(wrapped.vector))


def test_an_unknown_penalty_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"penalty: .* 'gradient_penalty'"):
        SlopePenalty("gradient_penaltie", 1.0)
