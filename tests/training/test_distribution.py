"""How losses are reduced, and strategies by name."""

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.errors import UsageError
from cai_keras.training.distribution import make_strategy
from cai_keras.training.reduction import global_mean


def test_global_mean_of_one_replica_is_the_mean():
    assert float(global_mean(tf.constant([1.0, 2.0, 6.0]), 3)) == 3.0


def test_replicas_shares_sum_to_the_mean_over_all_examples():
    # Replicas with 3 and 1 examples, 4 in all: (1 + 2 + 6) / 4 + 7 / 4 = 4.
    shares = [global_mean(tf.constant(v), 4) for v in ([1.0, 2.0, 6.0], [7.0])]
    assert [float(share) for share in shares] == [2.25, 1.75]


def test_a_long_float16_loss_is_summed_in_float32():
    # 4096 ones: float16 would stop adding at 2048 and is infinite at 65504 / 60.
    losses = tf.constant(np.full(4096, 60.0), tf.float16)
    found = global_mean(losses, 4096)
    assert found.dtype == tf.float32
    assert float(found) == 60.0


def test_the_global_batch_may_be_a_tensor():
    assert float(global_mean(tf.constant([2.0, 4.0]), tf.constant(4))) == 1.5


@pytest.mark.parametrize("shape", [(), (3, 1), (2, 2, 2)])
def test_a_loss_that_is_not_one_value_per_example_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(batch,\)"):
        global_mean(tf.zeros(shape), 3)


def test_strategy_one_has_one_replica():
    assert make_strategy("one").num_replicas_in_sync == 1


def test_an_unknown_strategy_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'one'"):
        make_strategy("onee")
