"""Padding with the picture mirrored at its border."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class ReflectionPadding2D(keras.layers.Layer):
    """Adds rows and columns that mirror the map at its outermost pixels.

    Torch's SpatialReflectionPadding; Johnson et al. 2016 (arXiv:1603.08155) start their
    networks with it. The outermost pixel itself is not repeated: 2 pixels to the left
    of a b c d are c b.

    Args:
        padding: pixels on all four sides, or ((top, bottom), (left, right)).

    Call:
        inputs: (batch, height, width, channels), each side larger than what is added
            at either of its ends.
        Returns: (batch, top + height + bottom, left + width + right, channels).
    Raises:
        ValueError: a negative or malformed padding, inputs of another rank, or a known
            side that is too small.
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = _pairs(padding)

    def call(self, inputs):
        self._check(inputs.shape)
        return ops.pad(inputs, [(0, 0), *self.padding, (0, 0)], mode="reflect")

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        batch, *sides, channels = input_shape
        larger = [
            None if side is None else before + side + after
            for side, (before, after) in zip(sides, self.padding, strict=True)
        ]
        return (batch, *larger, channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}

    def _check(self, shape) -> None:
        if len(shape) != 4:
            raise ValueError(
                "ReflectionPadding2D: expected (batch, height, width, channels); "
                f"received {tuple(shape)}"
            )
        sides = zip(("height", "width"), shape[1:3], self.padding, strict=True)
        for name, side, pair in sides:
            if side is not None and side <= max(pair):
                raise ValueError(
                    f"ReflectionPadding2D: {name} must be larger than its padding of "
                    f"{max(pair)}; received {side}"
                )


def _pairs(padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) of what the user gave."""
    if isinstance(padding, int):
        padding = ((padding, padding), (padding, padding))
    try:
        (top, bottom), (left, right) = padding
        pairs = ((top, bottom), (left, right))
        is_valid = all(isinstance(n, int) and n >= 0 for pair in pairs for n in pair)
    except (TypeError, ValueError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            "ReflectionPadding2D: padding must be a whole number from 0 or ((top, "
            f"bottom), (left, right)) of such numbers; received {padding}"
        )
    return pairs
