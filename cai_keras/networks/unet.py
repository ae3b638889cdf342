"""U-Net: down, up again, and what was seen on the way down beside it."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops


@dataclass(frozen=True)
class UNetSettings:
    """What a U-Net is made of: Ronneberger et al. 2015 (arXiv:1505.04597), Figure 1.

    Attributes:
        filters: of the first level; they double at every level below.
        depth: number of poolings.
        padding: `valid` as in the paper, where maps lose 2 pixels a convolution, or
            `same`.
        dropout: rate at the end of the way down, at the two lowest levels.
        skip: whether the way up sees the maps of the way down.
        last_up_filters: of the last up-convolution; half of what it gets if None. The
            released network has 128.
        up_filters: of each level on the way up, the first level first; those of the
            way down if None. A network without skips has fewer weights unless these
            are more.
    """

    filters: int = 64
    depth: int = 4
    padding: str = "valid"
    dropout: float = 0.5
    skip: bool = True
    last_up_filters: int | None = None
    up_filters: tuple[int, ...] | None = None


def build_unet(
    settings: UNetSettings,
    image_shape: tuple[int | None, int | None, int],
    num_classes: int,
) -> keras.Model:
    """image -> logits of every pixel; with `valid`, of those far from the border.

    Raises:
        ValueError: a map has an odd side where it is pooled, or becomes too small, or
            `up_filters` are not one for each level.
    """
    up_filters = settings.up_filters or [
        settings.filters << level for level in range(settings.depth)
    ]
    if len(up_filters) != settings.depth:
        raise ValueError(
            f"up_filters: expected {settings.depth}, one for each level, received "
            f"{len(up_filters)}"
        )
    inputs = x = keras.Input(image_shape)
    seen = []
    for level in range(settings.depth + 1):
        filters = settings.filters << level
        x = _convolve_twice(x, filters, settings.padding, f"down{level + 1}")
        if settings.dropout and level >= settings.depth - 1:
            x = layers.Dropout(settings.dropout, name=f"drop{level + 1}")(x)
        if level < settings.depth:
            if any(side is not None and side % 2 for side in x.shape[1:3]):
                raise ValueError(
                    f"an image of {image_shape[0]} x {image_shape[1]} is "
                    f"{x.shape[1]} x {x.shape[2]} before pooling {level + 1}: "
                    "both must be even"
                )
            seen.append(x)
            x = layers.MaxPooling2D(2, name=f"pool{level + 1}")(x)
    for level in reversed(range(settings.depth)):
        filters = up_filters[level]
        is_last = level == 0 and settings.last_up_filters is not None
        x = layers.Conv2DTranspose(
            settings.last_up_filters if is_last else filters, 2, strides=2,
            kernel_initializer=_he(), name=f"up{level + 1}_conv",
        )(x)  # fmt: skip
        if settings.skip:
            x = ops.concatenate([x, crop_to(seen[level], x)], axis=-1)
        x = _convolve_twice(x, filters, settings.padding, f"up{level + 1}")
    logits = layers.Conv2D(num_classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)


def crop_to(x, smaller):
    """The middle of a map, of the height and width of another one."""
    if x.shape[1:3] == smaller.shape[1:3]:
        return x
    tops = [(a - b) // 2 for a, b in zip(x.shape[1:3], smaller.shape[1:3], strict=True)]
    height, width = smaller.shape[1:3]
    return x[:, tops[0] : tops[0] + height, tops[1] : tops[1] + width]


def margin_of(settings: UNetSettings) -> int:
    """Pixels between the border of the input and that of the output, on each side."""
    if settings.padding == "same":
        return 0
    margin = 0
    for level in range(settings.depth + 1):
        # Two convolutions down and, but for the lowest level, two up.
        margin += (2 if level == settings.depth else 4) << level
    return margin


def input_side_for(settings: UNetSettings, output_side: int) -> int:
    """The smallest side of an input whose output is `output_side` pixels or more."""
    sides = itertools.count(output_side + 2 * margin_of(settings))
    return next(side for side in sides if _pools_evenly(settings, side))


def _pools_evenly(settings: UNetSettings, side: int) -> bool:
    """Whether every map has an even side where it is pooled."""
    for _ in range(settings.depth):
        side -= 4 if settings.padding == "valid" else 0
        if side % 2:
            return False
        side //= 2
    return True


def predict_by_tiles(
    network: keras.Model, image: np.ndarray, settings: UNetSettings
) -> np.ndarray:
    """Logits of a whole image of any size, tile by tile: Figure 2 of the paper.

    What lies outside the image is the image mirrored at its border. Tiles meet without
    a seam: every output pixel is what the network gives for the whole mirrored image.
    For this tiles lie a multiple of 2^depth apart, because a pooled map depends on
    where its pairs of pixels begin. The side of an output is no such multiple for a
    depth of 3 or more (388 is 24 * 16 + 4): there outputs overlap by the rest.

    Args:
        network: of `build_unet` for tiles of a fixed size.
        image: float (height, width, channels).
        settings: those of the network.
    Returns:
        float32 (height, width, classes).
    Raises:
        ValueError: a padded network, or a tile of less than 2^depth output pixels.
    """
    margin = margin_of(settings)
    side, output = network.input_shape[1], network.output_shape[1]
    if settings.padding == "same":
        raise ValueError("tiles of a padded network would have seams; use valid")
    step = output - output % (1 << settings.depth)
    if step == 0:
        raise ValueError(
            f"tiles of {output} output pixels: expected {1 << settings.depth} or more"
        )
    height, width = image.shape[:2]
    rows, columns = (range(0, length, step) for length in (height, width))
    ends = [starts[-1] + output for starts in (rows, columns)]
    after = [end - n for end, n in zip(ends, (height, width), strict=True)]
    around = [(margin, margin + rest) for rest in after]
    padded = np.pad(image, [*around, (0, 0)], mode="symmetric")
    found = np.empty((*ends, network.output_shape[-1]))
    for row in rows:
        for column in columns:
            tile = padded[row : row + side, column : column + side]
            logits = ops.convert_to_numpy(network(tile[None], training=False))[0]
            found[row : row + output, column : column + output] = logits
    return found[:height, :width].astype(np.float32)


def _convolve_twice(x, filters: int, padding: str, name: str):
    for number in (1, 2):
        x = layers.Conv2D(
            filters, 3, padding=padding, activation="relu", kernel_initializer=_he(),
            name=f"{name}_conv{number}",
        )(x)  # fmt: skip
    return x


def _he():
    """Deviation sqrt(2 / N) for N numbers that a neuron sums: Section 3."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
