"""VGG: stacks of 3x3 convolutions between poolings."""

from collections.abc import Callable, Sequence

import keras
from keras import layers

# Depth -> convolutions in each of the five blocks: Simonyan and Zisserman 2015
# (arXiv:1409.1556), Table 1, columns D and E.
BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
FILTERS = (64, 128, 256, 512, 512)


def apply_vgg_blocks(
    x,
    blocks: Sequence[int],
    filters: Sequence[int] = FILTERS,
    pooling: Callable = layers.MaxPooling2D,
    kernel_size: int = 3,
    norm: Callable | None = None,
):
    """Convolutions with bias and ReLU, and a pooling that halves, for each block.

    Args:
        blocks: number of convolutions in each.
        filters: of each block.
        pooling: `MaxPooling2D`, or `AveragePooling2D` as Gatys et al. 2016 prefer.
        norm: name -> normalisation layer between each convolution, which then has no
            bias, and its ReLU; `fold_batch_norm` takes them out again.
    """
    for block, (count, width) in enumerate(zip(blocks, filters, strict=True), start=1):
        for index in range(1, count + 1):
            x = _apply_convolution(x, width, kernel_size, norm, f"block{block}", index)
        x = pooling(2, name=f"block{block}_pool")(x)
    return x


def _apply_convolution(x, width: int, kernel_size: int, norm, block: str, index: int):
    name = f"{block}_conv{index}"
    if norm is None:
        return layers.Conv2D(
            width, kernel_size, padding="same", activation="relu", name=name
        )(x)
    x = layers.Conv2D(
        width,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.ReLU(name=f"{block}_relu{index}")(
        norm(name=f"{block}_norm{index}")(x)
    )


def build_vgg(
    depth: int,
    image_size: int = 224,
    num_classes: int = 1000,
    dropout: float = 0.5,
    units: int = 4096,
) -> keras.Model:
    """VGG for classification; `depth` is a key of `BLOCKS`.

    Args:
        dropout: rate after each of the two hidden dense layers.
        units: of these layers.
    """
    inputs = keras.Input((image_size, image_size, 3))
    x = layers.Flatten()(apply_vgg_blocks(inputs, BLOCKS[depth]))
    for number in (1, 2):
        x = layers.Dense(units, activation="relu", name=f"hidden{number}")(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    # Logits in float32 also in mixed precision: a softmax over them follows.
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)
