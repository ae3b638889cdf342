"""Parts of a batch, shares of a loss, strategies by name; see test_replicas.py too."""

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError
from cai_keras.training.distribution import (
    distribute_batches,
    is_chief,
    is_multi_process,
    make_strategy,
    mean_over_processes,
    parts_of,
    strategy_label,
    sum_over_processes,
)
from cai_keras.training.reduction import global_mean

ADDRESSES = ["a:1", "b:1", "c:1"]


# The parts of a batch


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 128])
def test_parts_cover_the_batch_in_order_and_differ_by_at_most_one(size, count):
    parts = parts_of(size, count)

    sizes = [len(part) for part in parts]
    assert [row for part in parts for row in part] == list(range(size))
    assert len(parts) == count
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


class Workers:
    """Stands in for a strategy of several processes: what each of them would read."""

    def __init__(self, workers: int, replicas: int):
        self.num_replicas_in_sync = replicas
        self._contexts = [
            tf.distribute.InputContext(workers, worker, replicas)
            for worker in range(workers)
        ]

    def distribute_datasets_from_function(self, of_worker):
        return [of_worker(context) for context in self._contexts]


def rows_of_workers(workers, replicas, batch_size, first_step=0):
    """worker -> its first elements, one for each of its replicas."""
    batches = StepBatches(lambda step, rows: {"x": 100 * step + rows}, batch_size)
    strategy = Workers(workers, replicas)
    datasets = distribute_batches(strategy, batches, first_step, batch_size)
    return [
        [element["x"].numpy().tolist() for element in dataset.take(replicas // workers)]
        for dataset in datasets
    ]


def test_each_worker_makes_the_rows_of_its_replica():
    found = rows_of_workers(workers=3, replicas=3, batch_size=7)
    assert found == [[[0, 1, 2]], [[3, 4]], [[5, 6]]]


def test_a_worker_with_several_replicas_cuts_its_rows():
    found = rows_of_workers(workers=2, replicas=4, batch_size=6, first_step=3)
    assert found == [[[300, 301], [302, 303]], [[304], [305]]]


def test_a_worker_makes_no_other_rows():
    made = []
    batches = StepBatches(lambda step, rows: made.append(rows.shape[0]) or rows, 7)
    distribute_batches(Workers(3, 3), batches, 0, 7)
    # Shapes while tracing: 3 + 2 + 2 rows.
    assert made == [3, 2, 2]


def test_the_datasets_of_workers_are_known_to_be_endless():
    # TensorFlow would ask all workers at each step whether one has ended.
    batches = StepBatches(lambda step, rows: rows, 4)
    for dataset in distribute_batches(Workers(2, 2), batches, 0, 4):
        assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


def test_one_replica_reads_the_batches_as_they_are():
    def batches(step):
        return f"from step {step}"

    strategy = make_strategy("one")
    assert distribute_batches(strategy, batches, 5, 4) == "from step 5"


def test_a_batch_smaller_than_the_replicas_is_wrong_usage():
    batches = StepBatches(lambda step, rows: rows, 2)
    message = "data.batch_size 2: fewer examples than the 3 replicas"
    with pytest.raises(UsageError, match=message):
        distribute_batches(Workers(3, 3), batches, 0, 2)


# How losses are reduced


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


# Strategies


def test_strategy_one_has_one_replica():
    assert make_strategy("one").num_replicas_in_sync == 1


def test_a_strategy_is_made_once():
    assert make_strategy("mirrored") is make_strategy("mirrored")


def test_an_unknown_strategy_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'one'"):
        make_strategy("onee")


def test_without_a_tpu_the_error_says_that_none_answers(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(UsageError, match="--strategy tpu: no TPU answers") as caught:
        make_strategy("tpu")
    assert "\n" not in str(caught.value)


def test_another_backend_has_one_device(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(
        UsageError, match="--strategy mirrored: the jax backend has one"
    ):
        make_strategy("mirrored")
    assert make_strategy("one").num_replicas_in_sync == 1
    assert strategy_label("one") == "jax"


def test_the_label_of_a_strategy_is_its_name():
    assert strategy_label("mirrored") == "mirrored"


def worker(task_type, task_id, **jobs):
    """Stands in for a strategy of several workers, as this one of them sees it."""
    strategy = mock.Mock(spec=tf.distribute.MultiWorkerMirroredStrategy)
    strategy.cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(jobs), task_type=task_type, task_id=task_id
    )
    return strategy


@pytest.mark.parametrize(("task", "expected"), [(0, True), (1, False), (2, False)])
def test_without_a_chief_the_first_worker_is_it(task, expected):
    assert is_chief(worker("worker", task, worker=ADDRESSES)) is expected


def test_a_chief_by_name_is_the_only_one():
    jobs = {"chief": ADDRESSES[:1], "worker": ADDRESSES[1:]}
    assert is_chief(worker("chief", 0, **jobs))
    assert not is_chief(worker("worker", 0, **jobs))


def test_the_only_process_is_the_chief():
    assert is_chief(make_strategy("one"))
    assert is_chief(make_strategy("mirrored"))


def test_numbers_of_one_process_are_their_own_sum_and_mean():
    strategy = make_strategy("mirrored")
    assert not is_multi_process(strategy)
    assert sum_over_processes(strategy, 2.5) == 2.5
    assert mean_over_processes(strategy, 2.5) == 2.5
