"""Probabilities of the foreground: whole images at once, or tile by tile."""

import keras
import numpy as np
from scipy.special import expit

from cai_keras.networks.unet import (
    UNetSettings,
    build_unet,
    input_side_for,
    margin_of,
    predict_by_tiles,
)
from cai_keras.training.inference import predict_in_batches


class Segmenter:
    """A trained U-Net on images of any size.

    Args:
        network: of `build_unet`, two classes; its weights are read at every call.
        batch_size: of whole images.
    """

    def __init__(self, network: keras.Model, settings: UNetSettings, batch_size: int):
        self.settings = settings
        self._network = network
        self._batch_size = batch_size
        self._others: dict[int, keras.Model] = {}

    def whole(self, images: np.ndarray, rotations: int = 1) -> np.ndarray:
        """Probability of the foreground, of all pixels at once.

        Args:
            images: float32 (n, height, width); mirrored at their border.
            rotations: the mean over the image turned by 0, 1, ... right angles.
        Returns:
            float32 (n, height, width) in [0, 1].
        """
        height, width = images.shape[1:]
        side = input_side_for(self.settings, max(height, width))
        margin = margin_of(self.settings)
        after = [(margin, side - margin - length) for length in (height, width)]
        padded = np.pad(images, [(0, 0), *after], mode="symmetric")[..., None]
        network = self._at_side(side)
        total = np.zeros(1)
        for turns in range(rotations):
            turned = np.ascontiguousarray(np.rot90(padded, turns, axes=(1, 2)))
            logits = predict_in_batches(network, turned, self._batch_size)
            total = total + np.rot90(_foreground(logits), -turns, axes=(1, 2))
        return (total / rotations)[:, :height, :width].astype(np.float32)

    def by_tiles(self, image: np.ndarray, tile_side: int) -> np.ndarray:
        """The same of one image, (height, width), tile by tile.

        Tiles of a network that pads lie side by side, without surroundings.

        Args:
            tile_side: of the input.
        """
        network = self._at_side(tile_side)
        if self.settings.padding == "valid":
            logits = predict_by_tiles(network, image[..., None], self.settings)
            return _foreground(logits)
        height, width = image.shape
        after = [(0, -length % tile_side) for length in (height, width)]
        padded = np.pad(image, after, mode="symmetric")
        rows, columns = (length // tile_side for length in padded.shape)
        tiles = padded.reshape(rows, tile_side, columns, tile_side).swapaxes(1, 2)
        tiles = tiles.reshape(-1, tile_side, tile_side, 1)
        found = _foreground(predict_in_batches(network, tiles, self._batch_size))
        found = found.reshape(rows, columns, tile_side, tile_side).swapaxes(1, 2)
        return found.reshape(padded.shape)[:height, :width]

    def _at_side(self, side: int) -> keras.Model:
        """The network for images of another side, with the weights of now."""
        if side not in self._others:
            *_, channels = self._network.input_shape
            *_, classes = self._network.output_shape
            shape = (side, side, channels)
            self._others[side] = build_unet(self.settings, shape, classes)
        self._others[side].set_weights(self._network.get_weights())
        return self._others[side]


def _foreground(logits: np.ndarray) -> np.ndarray:
    """Softmax of two classes, that of the second one."""
    return expit(logits[..., 1] - logits[..., 0])
