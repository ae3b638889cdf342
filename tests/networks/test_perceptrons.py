"""Perceptrons for points, with and without a class."""

import numpy as np

from cai_keras.networks.perceptrons import (
    PerceptronSettings,
    build_point_discriminator,
    build_point_generator,
)


def test_a_network_without_classes_takes_one_input():
    settings = PerceptronSettings((5, 7), slope=0.1)

    generator = build_point_generator(settings, 3, 2)
    discriminator = build_point_discriminator(settings, 2)

    # (3 + 1) 5 + (5 + 1) 7 + (7 + 1) 2 = 78 and (2 + 1) 5 + 42 + 8 = 65
    assert generator.count_params() == 78
    assert discriminator.count_params() == 65
    assert generator(np.zeros((4, 3), "float32")).shape == (4, 2)
    assert discriminator(np.zeros((4, 2), "float32")).shape == (4,)


def test_a_class_is_a_one_hot_vector_beside_the_input():
    settings = PerceptronSettings((5,), slope=0.0, classes=3)
    network = build_point_discriminator(settings, 2)

    # (2 + 3 + 1) 5 + (5 + 1) 1 = 36
    assert network.count_params() == 36
    kernel = np.zeros((5, 5), "float32")
    kernel[2:, 0] = [10.0, 20.0, 30.0]  # of the three classes
    network.get_layer("hidden1").set_weights([kernel, np.zeros(5, "float32")])
    score = np.zeros((5, 1), "float32")
    score[0] = 1.0
    network.get_layer("score").set_weights([score, np.zeros(1, "float32")])
    found = network([np.ones((3, 2), "float32"), np.array([2, 0, 1], "int32")])

    np.testing.assert_allclose(found, [30.0, 10.0, 20.0])


def test_hidden_layers_have_the_slope_where_they_are_negative():
    network = build_point_generator(PerceptronSettings((1,), slope=0.1), 1, 1)
    for name in ("hidden1", "point"):
        network.get_layer(name).set_weights(
            [np.ones((1, 1), "float32"), np.zeros(1, "float32")]
        )

    found = network(np.array([[2.0], [-2.0]], "float32"))

    np.testing.assert_allclose(found, [[2.0], [-0.2]], rtol=1e-6)
