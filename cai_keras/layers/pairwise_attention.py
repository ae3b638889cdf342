"""Weighted sums over all positions, with the memory of a few rows of the weights."""

from collections.abc import Callable

import keras
from keras import ops

# Weights per example that are held at once: 16 MiB in float32.
MAX_ENTRIES = 2**22


def attend(
    queries,
    keys,
    values,
    weigh: Callable,
    max_entries: int = MAX_ENTRIES,
):
    """y_i = sum_j w_ij v_j with w = weigh(queries, keys).

    An example's weights are a matrix of n x m numbers: at 128 x 128 positions and a
    quarter as many keys 256 MiB, and training needs several such. Where it has more
    than `max_entries`, blocks of its rows are computed one after the other, and again
    in the backward pass (Chen et al. 2016, arXiv:1604.06174). The sums are the same; n
    and m must be known for it.

    Args:
        queries: float (batch, n, d).
        keys: float (batch, m, e).
        values: float (batch, m, c).
        weigh: function of (queries, keys) giving float (batch, rows, m), each row from
            its own query and all keys.
    Returns:
        float (batch, n, c).
    """

    def one_block(block, keys, values):
        return ops.matmul(weigh(block, keys), values)

    num_blocks = _num_blocks(queries.shape[1], keys.shape[1], max_entries)
    if num_blocks == 1:
        return one_block(queries, keys, values)
    size = -(-queries.shape[1] // num_blocks)
    again = keras.remat(one_block)
    blocks = [
        again(queries[:, first : first + size], keys, values)
        for first in range(0, queries.shape[1], size)
    ]
    return ops.concatenate(blocks, axis=1)


def softmax_weights(queries, keys, scale: float = 1.0):
    """exp(scale q_i . k_j) / sum_j exp(scale q_i . k_j), rows that sum to one.

    The exponentials and their sum are in float32 also where the inputs are not: sums
    over thousands of keys leave float16 few digits.

    Args:
        queries: float (batch, n, d).
        keys: float (batch, m, d).
    Returns:
        float (batch, n, m) in the type of `queries`.
    """
    logits = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
    weights = ops.softmax(ops.cast(logits, "float32") * scale, axis=-1)
    return ops.cast(weights, keras.backend.standardize_dtype(queries.dtype))


def _num_blocks(rows: int | None, columns: int | None, max_entries: int) -> int:
    if rows is None or columns is None:
        return 1
    return min(rows, -(-rows * columns // max_entries))
