"""Batches whose examples are made one by one: functions of step and row alone."""

import itertools

import numpy as np

from cai_keras.data.example_batches import ExampleBatches
from cai_keras.data.step_batches import StepBatches

ONE_BY_ONE = ExampleBatches(lambda step, row: 100 * step + row, batch_size=5)
AS_A_WHOLE = StepBatches(lambda step, rows: 100 * step + rows, batch_size=5)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_a_batch_has_every_row_in_order():
    (batch,) = take(ONE_BY_ONE(7), 1)

    np.testing.assert_array_equal(batch, [700, 701, 702, 703, 704])


def test_batches_are_those_of_step_batches_from_any_step_with_any_rows_and_stride():
    for arguments in [(0,), (3,), (3, range(1, 4)), (2, range(4, 5), 3)]:
        expected = take(AS_A_WHOLE(*arguments), 4)

        found = take(ONE_BY_ONE(*arguments), 4)

        np.testing.assert_array_equal(found, expected)


def test_the_stream_has_a_known_batch_size_and_no_end():
    dataset = ONE_BY_ONE(0, range(2))

    assert dataset.element_spec.shape == (2,)
    assert dataset.cardinality() == -1  # infinite
