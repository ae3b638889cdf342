"""How tests of networks count what papers print."""

from keras import ops


def trainable_parameters(network) -> int:
    """Numbers that training changes: moving averages are not counted in papers."""
    return sum(int(ops.size(weight)) for weight in network.trainable_weights)
