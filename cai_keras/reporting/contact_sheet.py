"""A contact sheet: a row for each feature of a data set, a column for each example."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cai_keras.errors import choose
from cai_keras.reporting.style import figure_style

_CELL, _GAP, _LABEL = 0.62, 0.05, 1.0  # inches, but the gap: a share of a cell
_ROWS = 10  # more features than these go side by side, in two or more blocks
_GROUND = (0.12, 0.12, 0.12)  # of label 0


def draw_contact_sheet(
    features: Mapping[str, Sequence[np.ndarray]],
    colourings: Mapping[str, str],
    captions: Sequence[str] = (),
) -> Figure:
    """One figure of all features, rows in their order.

    Args:
        features: name -> images of the examples, each (height, width, channels).
        colourings: name -> one of COLOURINGS; those left out go by their type.
        captions: what is written over the column of each example.
    """
    num_examples = len(next(iter(features.values())))
    num_blocks = -(-len(features) // _ROWS)
    rows = -(-len(features) // num_blocks)
    label = _LABEL / _CELL
    block_width = label + num_examples * (1 + _GAP)
    width, height = num_blocks * block_width, rows * (1 + _GAP)
    top = 0.16 * max(
        [caption.count("\n") + 1 for caption in captions if caption] or [0]
    )
    with figure_style():
        size = (width * _CELL, (height + top) * _CELL)
        figure = plt.figure(figsize=size, layout="none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, -top), aspect="equal")
        axes.axis("off")
        for number, (name, images) in enumerate(features.items()):
            block, row = divmod(number, rows)
            left, y = block * block_width, row * (1 + _GAP)
            colouring = colourings.get(name) or _usual_colouring(images[0])
            pictures, note = choose(name, colouring, COLOURINGS)(images)
            text = f"{name}\n{note}" if note else name
            place = {"ha": "right", "va": "center", "fontsize": 6.5, "linespacing": 1.4}
            axes.text(left + label - 0.12, y + 0.5, text, **place)
            for column, picture in enumerate(pictures):
                x = left + label + column * (1 + _GAP)
                extent = _centred(picture.shape, x, y)
                axes.imshow(picture, extent=extent, interpolation="nearest", zorder=2)
                if row == 0 and captions:
                    style = {"ha": "center", "va": "bottom", "fontsize": 5}
                    axes.text(x + 0.5, -0.04, captions[column], **style)
        # imshow narrows them to its last picture.
        axes.set(xlim=(0, width), ylim=(height, -top))
    return figure


def _centred(shape: tuple[int, ...], x: float, y: float) -> tuple[float, ...]:
    """(left, right, bottom, top) of a picture of any aspect in the cell at (x, y)."""
    height, width = (length / max(shape[:2]) for length in shape[:2])
    left, top = x + (1 - width) / 2, y + (1 - height) / 2
    return left, left + width, top + height, top


def _usual_colouring(image: np.ndarray) -> str:
    if image.shape[-1] == 3 and image.dtype == np.uint8:
        return "picture"
    return "pair" if image.shape[-1] == 2 else "grey"


def _picture(images):
    return [np.clip(image[..., :3], 0, 255).astype(np.uint8) for image in images], ""


def _linear(images):
    """Linear light, of 255 where it is in bytes, as sRGB; the brightest is white."""
    scaled = [
        np.asarray(image, np.float64) / (255 if image.dtype == np.uint8 else 1)
        for image in images
    ]
    brightest = max(max(image.max() for image in scaled), 1e-6)
    return [(image / brightest) ** (1 / 2.2) for image in scaled], ""


def _between(images) -> tuple[list[np.ndarray], float, float]:
    """In [0, 1], the range being that of all images."""
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    width = max(high - low, 1e-9)
    return (
        [(np.asarray(i, np.float64)[..., 0] - low) / width for i in images],
        low,
        high,
    )


def _grey(images):
    scaled, low, high = _between(images)
    note = "" if images[0].dtype == np.uint8 else f"{low:.2g} to {high:.2g}"
    return [np.repeat(image[..., None], 3, axis=-1) for image in scaled], note


def _range(images):
    scaled, low, high = _between(images)
    return [
        plt.get_cmap("viridis")(image) for image in scaled
    ], f"{low:.2g} to {high:.2g}"


def _direction(images):
    """Unit vectors, x right, y down, z away: right is red, up green, near blue."""
    upright = np.array([1, -1, -1])
    return [(np.asarray(image, np.float64) * upright + 1) / 2 for image in images], ""


def _labels(images):
    palette = np.array([_GROUND, *plt.get_cmap("tab20").colors])

    def coloured(image):
        numbers = image[..., 0].astype(np.int64)
        return palette[np.where(numbers > 0, 1 + (numbers - 1) % 20, 0)]

    return [coloured(image) for image in images], ""


def _pair(images):
    """The first channel red, the second green; the highest number of both is full."""
    high = max(max(float(np.abs(image).max()) for image in images), 1e-9)

    def coloured(image):
        shares = np.abs(np.asarray(image, np.float64)) / high
        return np.concatenate([shares, np.zeros_like(shares[..., :1])], axis=-1)

    return [coloured(image) for image in images], f"0 to {high:.2g}"


COLOURINGS: dict[str, Callable] = {
    "picture": _picture,
    "linear": _linear,
    "grey": _grey,
    "range": _range,
    "direction": _direction,
    "labels": _labels,
    "pair": _pair,
}
