"""A trained network on pictures of any size."""

import keras
import numpy as np
from skimage.exposure import match_histograms

from cai_keras.errors import DataError
from cai_keras.training.updates import backend_step

# Sides that a network with two strides of 2 keeps.
_MULTIPLE = 4


class NetworkProgram:
    """A network as one program for pictures of all sizes, called as the network is.

    Layer by layer, Keras keeps every map until the last one is there: a picture of 12
    megapixels took 21 GB with a network that needs 5 as a program, in half the time.
    """

    def __init__(self, network: keras.Model):
        self.layers = network.layers
        self._program = backend_step().compiled(
            lambda pictures: network(pictures, training=False),
            network.variables,
            any_size=True,
        )

    def __call__(self, pictures):
        return self._program(pictures)


def apply_network(
    network: keras.Model | NetworkProgram, picture: np.ndarray
) -> np.ndarray:
    """A network's picture of a picture, of `transform_net.py` or one like them.

    A network that keeps the size sees the picture mirrored at its lower and right
    border, up to the next multiple of 4, and its result is cropped. A network that
    enlarges by a factor gives the whole picture that much larger, with the colours of
    the small one: Johnson et al. 2016, Section 4.2, match the histograms afterwards.

    Args:
        network: (1, height, width, 3) in [0, 1] -> the same size, or a whole multiple.
        picture: float (height, width, 3) in [0, 1].
    Returns:
        float32, clipped to [0, 1].
    Raises:
        DataError: the picture is too small for the network's padding.
    """
    height, width = picture.shape[:2]
    needed = smallest_side(network)
    if min(height, width) < needed:
        raise DataError(
            f"a picture of {width} x {height} pixels is too small for this network: "
            f"expected sides of at least {needed}"
        )
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    padded = np.pad(picture, ((0, below), (0, right), (0, 0)), mode="reflect")
    made = keras.ops.convert_to_numpy(network(padded[None].astype(np.float32)))[0]
    factor = made.shape[0] // padded.shape[0]
    made = made[: height * factor, : width * factor]
    # Matched before it is clipped: beyond the range, too, brighter stays brighter.
    return np.clip(matched(made, picture) if factor > 1 else made, 0, 1)


def smallest_side(network: keras.Model | NetworkProgram) -> int:
    """Pixels that its first padding needs."""
    paddings = [
        max(max(pair) for pair in layer.padding)
        for layer in network.layers
        if type(layer).__name__ == "ReflectionPadding2D"
    ]
    return max(paddings, default=_MULTIPLE - 1) + 1


def matched(picture: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The picture with the histogram of another one in each channel, float32."""
    found = match_histograms(picture, reference, channel_axis=-1)
    return found.astype(np.float32)
