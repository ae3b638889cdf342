"""Test errors, and excitations by class: by hand, and against the layer itself."""

import keras
import numpy as np
import pytest

from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.training.classifier import ErrorCounts
from reproductions.squeeze_excitation.evaluate import (
    Findings,
    Probe,
    examine,
    metrics_of,
)


@pytest.fixture
def network():
    """4 x 4 images of two channels, two gates, six classes."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 2))
    x = SqueezeExcitation(1, name="stage1_block1_end")(inputs)
    x = keras.layers.Conv2D(4, 3, name="conv")(x)
    x = SqueezeExcitation(2, name="stage2_block1_end")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    yield keras.Model(inputs, keras.layers.Dense(6)(x))
    keras.backend.clear_session()


def images(count=7):
    return np.random.default_rng(0).normal(size=(count, 4, 4, 2)).astype("float32")


class FixedProbe:
    """Gives the images themselves as logits, and one gate per stage."""

    num_classes = 3

    def __call__(self, images, batch_size):
        s = np.stack([images[:, 0], images[:, 1]], axis=1)
        return images, {"stage1_block1_end": s, "stage1_block2_end": 1 - s}


def test_the_probe_gives_the_networks_logits_and_its_layers_excitations(network):
    inputs = images()
    first = network.get_layer("stage1_block1_end")
    second = network.get_layer("stage2_block1_end")
    inner = keras.Model(network.input, second.input)

    logits, excitations = Probe(network)(inputs, batch_size=3)

    np.testing.assert_allclose(logits, network(inputs), atol=1e-5)
    expected = np.asarray(first.excitations(inputs))[:, 0, 0]
    np.testing.assert_allclose(excitations["stage1_block1_end"], expected, atol=1e-5)
    expected = np.asarray(second.excitations(inner(inputs)))[:, 0, 0]
    np.testing.assert_allclose(excitations["stage2_block1_end"], expected, atol=1e-5)


def test_excitations_lie_between_0_and_1(network):
    _, excitations = Probe(network)(100 * images(), batch_size=7)

    for s in excitations.values():
        assert ((s >= 0) & (s <= 1)).all()


def test_the_probe_adds_no_weights_to_the_network(network):
    before = len(network.weights)

    Probe(network)

    assert len(network.weights) == before


def test_a_network_without_gates_has_no_excitations():
    inputs = keras.Input((2, 2, 1))
    network = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))

    found = examine(Probe(network), [(np.zeros((2, 2, 2, 1)), np.array([0, 1]))], 2)

    assert found.excitations == {}
    assert not any("excitation" in name for name in metrics_of(found))


def test_sums_do_not_depend_on_how_the_images_are_cut():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(10, 3)), rng.integers(0, 3, 10)

    whole = examine(FixedProbe(), [(logits, labels)], 4)
    parts = examine(
        FixedProbe(), [(logits[:7], labels[:7]), (logits[7:], labels[7:])], 4
    )

    assert whole.errors.count == parts.errors.count == 10
    assert whole.errors.errors == parts.errors.errors
    expected = pytest.approx(whole.errors.cross_entropy)
    assert parts.errors.cross_entropy == expected
    for name, sums in whole.excitations.items():
        np.testing.assert_allclose(parts.excitations[name], sums)


def test_errors_and_cross_entropy_are_those_of_the_logits():
    # Right, wrong, right; log(1 + 2 / e^2) and log(1 + e^2 + 1) - 0.
    logits = np.array([[2.0, 0, 0], [2.0, 0, 0], [0, 0, 2.0]])
    found = metrics_of(examine(FixedProbe(), [(logits, np.array([0, 1, 2]))], 2))

    assert found["top1_error_percent"].value == pytest.approx(100 / 3)
    assert found["top1_error_percent"].count == 3
    right, wrong = np.log(1 + 2 * np.exp(-2)), np.log(2 + np.exp(2))
    expected = (2 * right + wrong) / 3
    assert found["cross_entropy_nats"].value == pytest.approx(expected, rel=1e-5)
    assert "top5_error_percent" not in found  # of three classes


def test_spreads_are_deviations_over_the_classes_that_have_images():
    # Two gates of two channels. Class 0 has two images, class 2 one, class 1 none.
    early = np.array([[0.8, 1.0], [0, 0], [0.4, 0.5]])  # means .4 .5 and .4 .5
    late = np.array([[0.4, 1.2], [0, 0], [0.8, 0.6]])  # means .2 .6 and .8 .6
    errors = ErrorCounts(3)
    errors.add(np.eye(3, dtype=np.float32), np.arange(3))
    found = Findings(
        errors, np.array([2, 0, 1]),
        {"stage1_block1_end": late, "stage1_block2_end": early,
         "stage2_block1_end": late},
    )  # fmt: skip

    metrics = metrics_of(found)

    assert metrics["excitation_spread_stage1"].value == pytest.approx(0.0)
    # Deviations 0.3 and 0 over two classes.
    assert metrics["excitation_spread_stage2"].value == pytest.approx(0.15)
    assert metrics["excitation_spread_growth"].value == pytest.approx(0.15)
    assert metrics["excitation_mean_stage2"].value == pytest.approx(0.55)
    assert found.last_gates == {1: "stage1_block2_end", 2: "stage2_block1_end"}
