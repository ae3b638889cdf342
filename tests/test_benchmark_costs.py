"""Operations, bytes and the roofline, worked out by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks.costs import Cost, roofline, step_bytes
from benchmarks.example_inputs import example_inputs, image_shape_of, side_of
from benchmarks.operations import cost_of_network, cost_of_training
from benchmarks.rows import Ceilings
from cai_keras.errors import RunError
from cai_keras.training.adversarial import AdversarialLearner
from cai_keras.training.classifier import Classifier
from cai_keras.training.optimizers import UpdateRule

COST = Cost(
    parameters=1000,
    sample_flops=6000.0,
    sample_activations=50.0,
    optimizer_numbers=2000,
    sample_inputs=30,
    image_shape=(),
)
CEILINGS = Ceilings(
    backend="tensorflow",
    device="cpu",
    device_name="a CPU",
    matrix_flops_per_second={"float32": 1e6, "bfloat16": 4e6},
    convolution_flops_per_second={},
    copy_bytes_per_second=1e5,
    launch_seconds=1e-6,
)


def classifier(*parts, shape=(8, 8, 3)):
    return keras.Sequential([keras.Input(shape), *parts])


def sgd():
    return UpdateRule(keras.optimizers.SGD(0.1, momentum=0.9))


# Bytes


def test_inference_reads_weights_and_batch_and_writes_and_reads_outputs():
    # 4 * 1000 + 2 * (4 * 30 + 2 * 4 * 50).
    assert step_bytes(COST, "infer", 2, "float32") == 4000 + 240 + 800


def test_half_precision_halves_the_outputs_alone():
    assert step_bytes(COST, "infer", 2, "mixed_bfloat16") == 4000 + 240 + 400


def test_training_moves_gradients_and_the_optimizers_numbers_too():
    # Weights read and written, gradients too: 4 * 4000. Momenta and the like read and
    # written: 2 * 8000. Outputs and their gradients: 4 * 2 * 4 * 50.
    assert step_bytes(COST, "train", 2, "float32") == 16_000 + 16_000 + 240 + 1600


# Roofline


def test_the_share_of_the_peak_is_of_the_precision_that_layers_compute_in():
    found = roofline(COST, "infer", 2, "float32", 100.0, CEILINGS)
    assert found["flops_per_second"] == 600_000.0
    assert found["share_of_peak"] == 0.6
    half = roofline(COST, "infer", 2, "mixed_bfloat16", 100.0, CEILINGS)
    assert half["share_of_peak"] == 0.15


def test_the_bound_is_the_roof_that_is_lower():
    # 12,000 operations take 12 ms; 5,040 bytes take 50.4 ms.
    assert roofline(COST, "infer", 2, "float32", 1.0, CEILINGS)["bound"] == "memory"
    # 200 examples: 1.2 s; 4,000 + 200 * 520 bytes take 1.08 s.
    assert roofline(COST, "infer", 200, "float32", 1.0, CEILINGS)["bound"] == "compute"


def test_replicas_on_devices_of_their_own_share_their_peaks():
    found = roofline(COST, "train", 2, "float32", 100.0, CEILINGS, devices=2)
    assert found["share_of_peak"] == 0.3


def test_without_a_ceiling_of_the_precision_there_is_no_share():
    found = roofline(COST, "infer", 2, "mixed_float16", 100.0, CEILINGS)
    assert (found["share_of_peak"], found["bound"]) == (None, None)
    assert found["step_bytes"] == 4640
    assert roofline(COST, "infer", 2, "float32", 1.0, None)["bound"] is None


# Operations


def test_a_network_counts_operations_and_outputs_of_layers_with_weights():
    network = classifier(
        layers.Conv2D(4, 3, padding="same"), layers.ReLU(), layers.Flatten(),
        layers.Dense(5),
    )  # fmt: skip
    cost = cost_of_network(network, np.zeros((2, 8, 8, 3), np.float32))
    # 64 places of 27 numbers and 4 filters; 256 numbers to 5.
    assert cost.sample_flops == 2 * (64 * 27 * 4 + 256 * 5)
    assert cost.sample_activations == 64 * 4 + 5
    assert cost.parameters == 27 * 4 + 4 + 256 * 5 + 5
    assert (cost.sample_inputs, cost.optimizer_numbers) == (192, 0)
    assert cost.image_shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("layer", "multiply_adds", "outputs"),
    [
        (layers.Conv2D(4, 3, padding="same"), 64 * 27 * 4, 64 * 4),
        (layers.DepthwiseConv2D(3, padding="same"), 64 * 9 * 3, 64 * 3),
        # Each of 192 numbers goes to 2 x 2 places of 5 channels.
        (layers.Conv2DTranspose(5, 2, strides=2), 192 * 20, 256 * 5),
    ],
)
def test_a_layers_gradients_cost_as_much_as_the_layer(layer, multiply_adds, outputs):
    network = classifier(layer, layers.GlobalAveragePooling2D(), layers.Dense(2))
    learner = Classifier({"classifier": network}, {"classifier": sgd()})
    learner.build_optimizers()
    batch = {"image": np.zeros((3, 8, 8, 3), np.float32), "label": np.zeros(3, int)}
    cost = cost_of_training(learner, batch)
    channels = network.layers[0].output.shape[-1]
    # Forward and the gradient of the kernel; nobody needs the image's gradient. The
    # dense layer has all three.
    assert cost.sample_flops == 2 * (2 * multiply_adds + 3 * channels * 2)
    assert cost.sample_activations == outputs + 2
    # One momentum for each weight; the step and the learning rate.
    assert cost.optimizer_numbers == cost.parameters + 2
    assert cost.sample_inputs == 192 + 1


def test_a_game_counts_the_passes_that_each_player_needs():
    generator = classifier(layers.Dense(3), layers.Dense(2), shape=(4,))
    z = keras.Input((2,))
    score = keras.ops.squeeze(layers.Dense(1)(layers.Dense(3)(z)), -1)
    players = {"generator": generator, "discriminator": keras.Model(z, score)}
    from cai_keras.losses.adversarial import ADVERSARIAL_LOSSES

    rules = {"discriminator": sgd(), "generator": sgd()}
    rules["discriminator"] = UpdateRule(keras.optimizers.SGD(0.1), every=2)
    learner = AdversarialLearner(players, rules, ADVERSARIAL_LOSSES["hinge"])
    learner.build_optimizers()
    batch = {
        "image": np.zeros((5, 2), np.float32),
        "latent": np.zeros((5, 4), np.float32),
        "latent_again": np.zeros((5, 4), np.float32),
    }
    cost = cost_of_training(learner, batch)
    # Generator: 4 * 3 + 3 * 2 = 18. Discriminator: 2 * 3 + 3 = 9.
    # Discriminator's update: 18 forward; on real and on made ones 9 forward, 9 for
    # kernels, 3 between its layers; at every second step.
    first = 18 + 2 * (9 + 9 + 3)
    # Generator's: 18 and 9 forward; 9 back to its pictures; 18 for kernels, 6 between.
    second = 18 + 9 + 9 + 18 + 6
    assert cost.sample_flops == 2 * (first / 2 + second)
    # Outputs: 3 + 2 of the generator, 3 + 1 of the discriminator.
    assert cost.sample_activations == (5 + 2 * 4) / 2 + 5 + 4


# Inputs


def test_inputs_have_the_networks_structure_shapes_and_types():
    picture, label = keras.Input((4, 4, 3)), keras.Input((), dtype="int32")
    pooled = layers.GlobalAveragePooling2D()(picture)
    output = layers.Concatenate()([pooled, layers.Embedding(10, 2)(label)])
    network = keras.Model([picture, label], output)
    image, number = example_inputs(network, None, 5)
    assert (image.shape, image.dtype) == ((5, 4, 4, 3), np.float32)
    assert (number.shape, number.dtype) == ((5,), np.int32)
    assert number.tolist() == [0] * 5
    assert network([image, number]).shape == (5, 5)


def test_a_network_of_any_size_gets_the_recipes_side():
    class View:
        side = 24

    class Data:
        view = View()

    network = classifier(layers.Conv2D(2, 3), shape=(None, None, 3))
    assert example_inputs(network, Data(), 2).shape == (2, 24, 24, 3)
    assert side_of(object()) == 512


def test_a_network_that_tells_no_inputs_is_refused():
    class Silent(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(RunError, match="its inputs are not known"):
        example_inputs(Silent(name="silent"), None, 1)


def test_the_image_is_the_largest_array_with_rows_and_columns():
    arrays = {
        "label": np.zeros((2, 9, 9)), "image": np.zeros((2, 8, 8, 3)),
        "small": np.zeros((2, 4, 4, 3)),
    }  # fmt: skip
    assert image_shape_of(arrays) == (8, 8, 3)
    assert image_shape_of({"label": np.zeros(2)}) == ()
