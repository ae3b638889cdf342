"""The benchmark of layers compares what is equal."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from benchmarks import layers


@pytest.mark.parametrize("case", layers.CASES[:2], ids=lambda case: case.layer)
def test_both_sides_give_the_same_outputs_and_gradients(case):
    row = layers.measure(replace(case, shape=(2, 4, 4, 64)), rounds=2)

    assert 0 <= row["relative_difference"] < 1e-4
    assert row["speed_over_keras"] > 0


def test_a_layer_that_does_something_else_is_found_out():
    class Doubled(keras.layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    case = layers.Case(
        "dense", "doubled", (3, 5), Doubled, keras.layers.Dense, {"units": 4}
    )

    row = layers.measure(case, rounds=2)

    # Twice the output: the difference is the output itself.
    assert row["relative_difference"] == pytest.approx(1.0)


def test_a_relative_difference_is_worked_out_by_hand():
    ours = [np.array([1.0, 2.0]), np.array([10.0])]
    kerass = [np.array([1.0, 4.0]), np.array([8.0])]

    # 2 / 4 and 2 / 8.
    assert layers.relative_difference(ours, kerass) == 0.5
