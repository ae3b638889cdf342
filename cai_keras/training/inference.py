"""Outputs of a network for many examples, exact on the last partial batch."""

import weakref

import keras
import numpy as np

_compiled: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()


def predict_in_batches(network, inputs, batch_size: int):
    """`network(inputs)` in inference mode, `batch_size` examples at a time.

    The last batch is filled up with its first example and cut again: every call has
    the same shape, so that nothing is compiled twice. Under a strategy the replicas
    of this process share each batch; the results do not depend on their number.

    Args:
        network: Keras model.
        inputs: array (n, ...), n >= 1, or a list of such for a network of several.
    Returns:
        NumPy array (n, ...), or where the network has several outputs a list or a
        dictionary of such.
    Raises:
        ValueError: there is no example.
    """
    count = len(keras.tree.flatten(inputs)[0])
    if count == 0:
        raise ValueError("no example to predict")
    predict, replicas = _predictor(network)
    size = -(-batch_size // replicas) * replicas
    outputs = []
    for start in range(0, count, size):
        found = min(size, count - start)

        def fill(array, start=start, missing=size - found):
            batch = array[start : start + size]
            return np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])

        batch = keras.tree.map_structure(fill, inputs)
        outputs.append(
            keras.tree.map_structure(
                lambda values, found=found: np.asarray(values)[:found], predict(batch)
            )
        )
    return _joined(outputs)


def _predictor(network):
    """(batch -> outputs, number of replicas that share a batch)."""
    if keras.backend.backend() != "tensorflow":
        return network.predict_on_batch, 1
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return network.predict_on_batch, 1
    # Keras would gather the outputs of all workers, and only the chief evaluates.
    if network not in _compiled:
        call = tf.function(lambda x: strategy.run(network, (x,), {"training": False}))
        _compiled[network] = call
    replicas = len(strategy.extended.worker_devices)

    def predict(batch):
        parts = iter(_split(batch, replicas))
        shared = strategy.experimental_distribute_values_from_function(
            lambda context: keras.tree.map_structure(tf.constant, next(parts))
        )
        found = _compiled[network](shared)
        of_replicas = strategy.experimental_local_results

        def of_replica(index):
            return keras.tree.map_structure(
                lambda values: of_replicas(values)[index].numpy(), found
            )

        return _joined([of_replica(index) for index in range(replicas)])

    return predict, replicas


def _joined(parts: list):
    """The arrays of all parts, which have one structure, one after the other."""
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def _split(batch, count: int) -> list:
    """Equal parts of every array of a batch."""
    if not isinstance(batch, list):
        return np.split(batch, count)
    arrays = [np.split(array, count) for array in batch]
    return [list(parts) for parts in zip(*arrays, strict=True)]
