"""Maxout units: the largest of several linear functions."""

from keras import layers, ops


def apply_maxout(x, units: int, pieces: int, name: str, initializer="glorot_uniform"):
    """Extends a graph by maxout units.

    Goodfellow et al. 2013 (arXiv:1302.4389), equation 2:
        h_i = max over j of (x . W_ij + b_ij),   j = 1 ... pieces

    Args:
        x: float (batch, inputs).
        units: number of h_i; (inputs + 1) x units x pieces weights.
        initializer: of W.
    Returns:
        float (batch, units).
    """
    linear = layers.Dense(units * pieces, kernel_initializer=initializer, name=name)(x)
    grouped = layers.Reshape((units, pieces), name=f"{name}_pieces")(linear)
    return ops.max(grouped, axis=-1)
