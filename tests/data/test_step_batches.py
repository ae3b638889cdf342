"""Batches as functions of their step: which rows, which steps, in which order."""

import itertools
import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.data.classification import LabelledImages
from cai_keras.data.step_batches import StepBatches

SIZE = 5
# Example r of step s is 10 s + r.
COUNTED = StepBatches(lambda step, rows: 10 * step + rows, SIZE)


def take(dataset, count):
    return [x.tolist() for x in itertools.islice(dataset.as_numpy_iterator(), count)]


def test_whole_batches_of_consecutive_steps_by_hand():
    assert take(COUNTED(0), 2) == [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]]


def test_any_step_can_be_the_first():
    assert take(COUNTED(7), 2) == [[70, 71, 72, 73, 74], [80, 81, 82, 83, 84]]


def test_rows_are_a_part_of_each_batch():
    assert take(COUNTED(3, range(1, 3)), 2) == [[31, 32], [41, 42]]


def test_a_stride_leaves_out_steps():
    # Steps 2, 5, 8: the second of three services that share the steps from 1 on.
    assert take(COUNTED(2, range(0, 1), 3), 3) == [[20], [50], [80]]


def test_steps_beyond_32_bits_work():
    # Step 2^32 + 1: 10 * 4294967297 = 42949672970.
    assert take(COUNTED(2**32 + 1, range(0, 2)), 1) == [[42949672970, 42949672971]]


@pytest.mark.parametrize("rows", [None, range(0, 5), range(2, 3)])
def test_the_size_of_a_batch_is_known_before_it_is_made(rows):
    # The compiled step, XLA's above all, is built for one shape.
    spec = COUNTED(0, rows).element_spec
    assert spec.shape == (5 if rows is None else len(rows),)


def test_the_stream_has_no_end():
    assert COUNTED(0).cardinality() == tf.data.INFINITE_CARDINALITY


def test_a_slow_batch_is_not_overtaken_by_the_next_one():
    def slow_if_even(step):
        if step % 2 == 0:
            time.sleep(0.05)
        return step

    def make(step, rows):
        made = tf.numpy_function(slow_if_even, [step], tf.int64)
        return tf.reshape(made, [1])

    assert take(StepBatches(make, 1)(0), 8) == [[s] for s in range(8)]


def images_of(count):
    """Example i is a picture of i with label i."""
    labels = np.arange(count, dtype=np.int32)
    return LabelledImages(labels[:, None, None, None].astype(np.uint8), labels)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_rows_of_labelled_images_are_those_of_the_whole_batch(data):
    size = data.draw(st.integers(1, 9), "batch size")
    # Batches may span epochs, or be larger than the set.
    count = data.draw(st.integers(1, 12), "examples")
    step = data.draw(st.integers(0, 2**33), "step")
    start = data.draw(st.integers(0, size - 1), "start")
    stop = data.draw(st.integers(start + 1, size), "stop")
    batches = images_of(count).batches(size, data.draw(st.integers(0, 3), "seed"))

    whole = next(batches(step).as_numpy_iterator())
    part = next(batches(step, range(start, stop)).as_numpy_iterator())

    assert len(whole["label"]) == size
    for name in ("image", "label"):
        np.testing.assert_array_equal(part[name], whole[name][start:stop])


def test_replicas_rows_together_are_the_whole_batch():
    batches = images_of(12).batches(5, seed=1)
    whole = next(batches(4).as_numpy_iterator())

    parts = [
        next(batches(4, rows).as_numpy_iterator())["label"]
        for rows in (range(0, 2), range(2, 4), range(4, 5))
    ]

    np.testing.assert_array_equal(np.concatenate(parts), whole["label"])
