"""What the figures of one run show: arrays from its network, drawn by `figures.py`."""

import itertools

from matplotlib.figure import Figure

from cai_keras.data.border_weights import border_weights
from cai_keras.metrics.segmented_objects import connected_objects
from cai_keras.metrics.touching_pairs import merged_pairs
from cai_keras.networks.unet import UNetSettings, margin_of

from . import figures
from .data import Annotated
from .inference import Segmenter

_IMAGES, _TILES = 3, 4


def overlap_tile(segmenter: Segmenter, test: Annotated, recipe) -> Figure:
    """The first test image, tile by tile and at once."""
    image, side = test.images[0], recipe.evaluate.tile_side
    tiled = segmenter.by_tiles(image, side)
    difference = abs(tiled - segmenter.whole(image[None])[0])
    margin = margin_of(segmenter.settings)
    return figures.draw_overlap_tile(image, tiled, difference, side, margin)


def segmentation(segmenter: Segmenter, test: Annotated, recipe) -> Figure:
    """The first test images: annotation, weights, and what was found."""
    images, instances = test.images[:_IMAGES], test.instances[:_IMAGES]
    masks = segmenter.whole(images, recipe.evaluate.rotations) > 0.5
    settings = recipe.data.border_weights
    rows = [
        figures.Segmented(
            image=image,
            instances=real,
            weights=border_weights(real, settings.strength, settings.deviation),
            found=connected_objects(mask),
            merged=merged_pairs(mask, real),
        )
        for image, real, mask in zip(images, instances, masks, strict=True)
    ]
    return figures.draw_segmentation(rows)


def training_tiles(batches, settings: UNetSettings) -> Figure:
    """The first tile of each of the first steps."""
    found = list(itertools.islice(batches(0).as_numpy_iterator(), _TILES))
    first = [{name: values[0] for name, values in batch.items()} for batch in found]
    return figures.draw_training_tiles(first, margin_of(settings))
