"""Outputs of a network for many examples, exact on the last partial batch."""

import numpy as np


def predict_in_batches(network, inputs: np.ndarray, batch_size: int) -> np.ndarray:
    """`network(inputs)` in inference mode, `batch_size` examples at a time.

    The last batch is filled up with its first example and cut again: every call has
    the same shape, so that nothing is compiled twice.

    Args:
        network: Keras model of one input and one output.
        inputs: (n, ...), n >= 1.
    Returns:
        NumPy array (n, ...).
    Raises:
        ValueError: there is no example.
    """
    if len(inputs) == 0:
        raise ValueError("no example to predict")
    outputs = []
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        missing = batch_size - len(batch)
        if missing:
            batch = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
        predicted = np.asarray(network.predict_on_batch(batch))
        outputs.append(predicted[: batch_size - missing])
    return np.concatenate(outputs)
