"""Where a run is computed: strategies, clusters, and the parts of a global batch."""

from collections.abc import Callable
from functools import cache

import keras
import tensorflow as tf

from cai_keras.errors import UsageError, choose
from cai_keras.training.clusters import find_cluster


def make_strategy(name: str, cluster: str = "auto") -> tf.distribute.Strategy:
    """The strategy `name`, made once in a process.

    Args:
        name: a key of `STRATEGIES`.
        cluster: who tells a worker of its peers, see `find_cluster`; `multiworker`
            only.
    Raises:
        UsageError: an unknown name (with those that exist), or one that cannot work
            here.
    """
    make = choose("--strategy", name, STRATEGIES)
    if keras.backend.backend() != "tensorflow" and name != "one":
        raise UsageError(
            f"--strategy {name}: the {keras.backend.backend()} backend has one "
            "process and one device"
        )
    return make(cluster)


def strategy_label(name: str) -> str:
    """The strategy as the record names it."""
    backend = keras.backend.backend()
    return name if backend == "tensorflow" else backend


@cache
def _one(cluster: str) -> tf.distribute.Strategy:
    return tf.distribute.get_strategy()


@cache
def _mirrored(cluster: str) -> tf.distribute.Strategy:
    """All GPUs, or the logical CPUs where there is no GPU."""
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


@cache
def _multiworker(cluster: str) -> tf.distribute.Strategy:
    """All GPUs of all workers; must be made before TensorFlow computes anything."""
    resolver = find_cluster(cluster)
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


@cache
def _tpu(cluster: str) -> tf.distribute.Strategy:
    """Experimental: built as TensorFlow documents it, never run on a TPU by us."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise UsageError(f"--strategy tpu: no TPU answers ({reason})") from None
    return tf.distribute.TPUStrategy(resolver)


STRATEGIES: dict[str, Callable[[str], tf.distribute.Strategy]] = {
    "one": _one,
    "mirrored": _mirrored,
    "multiworker": _multiworker,
    "tpu": _tpu,
}


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes records, checkpoints and logs."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    if resolver is None or not resolver.task_type:
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


def is_multi_process(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def sum_over_processes(strategy: tf.distribute.Strategy, value: float) -> float:
    """The sum of a number that each worker names; every worker must call it.

    Also a barrier: no worker returns before all have called.
    """
    if not is_multi_process(strategy):
        return value
    return float(_compiled_sum(strategy)(tf.constant(value, tf.float32)))


@cache
def _compiled_sum(strategy: tf.distribute.Strategy):
    local = strategy.num_replicas_in_sync // _num_workers(strategy)

    @tf.function
    def total(number):
        shares = strategy.run(lambda: number / local)
        return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)

    return total


def mean_over_processes(strategy: tf.distribute.Strategy, value: float) -> float:
    """The mean of a number that each worker names; see `sum_over_processes`."""
    if not is_multi_process(strategy):
        return value
    return sum_over_processes(strategy, value) / _num_workers(strategy)


def _num_workers(strategy) -> int:
    return sum(
        len(tasks)
        for job, tasks in strategy.cluster_resolver.cluster_spec().as_dict().items()
        if job in {"chief", "worker"}
    )


def parts_of(batch_size: int, count: int) -> list[range]:
    """The rows of a global batch for each of `count` replicas, as equal as possible.

    The first ones get one more where the size does not divide.
    """
    sizes = [batch_size // count + (i < batch_size % count) for i in range(count)]
    starts = [sum(sizes[:i]) for i in range(count)]
    return [range(a, a + n) for a, n in zip(starts, sizes, strict=True)]


def distribute_batches(strategy, batches, first_step: int, batch_size: int):
    """The batches from `first_step` on, each cut into one part for each replica.

    A worker builds only the rows of its own replicas, out of the same global batch
    that one device would see.

    Args:
        batches: a `cai_keras.data.step_batches.StepBatches`, or for one replica any
            function first step -> dataset.
        batch_size: examples in a global batch.
    Raises:
        UsageError: fewer examples than replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches(first_step)
    if batch_size < replicas:
        raise UsageError(
            f"data.batch_size {batch_size}: fewer examples than the {replicas} replicas"
        )

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        parts = parts_of(batch_size, replicas)
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        mine = parts[first : first + local]
        dataset = batches(first_step, range(mine[0].start, mine[-1].stop))
        if local > 1:
            start = mine[0].start
            bounds = [(part.start - start, part.stop - start) for part in mine]
            dataset = dataset.flat_map(lambda batch: _pieces(batch, bounds))
        # Without it TensorFlow asks all workers at each step whether one is finished.
        endless = tf.data.experimental.INFINITE_CARDINALITY
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(endless))
        return dataset.prefetch(2 * local)

    return strategy.distribute_datasets_from_function(of_worker)


def _pieces(batch, bounds: list[tuple[int, int]]) -> tf.data.Dataset:
    """One element for each replica."""
    pieces = [
        tf.data.Dataset.from_tensors(
            tf.nest.map_structure(lambda x, a=a, b=b: x[a:b], batch)
        )
        for a, b in bounds
    ]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole.concatenate(piece)
    return whole
