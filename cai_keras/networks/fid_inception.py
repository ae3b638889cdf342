"""The Inception network of the published FID numbers.

Heusel et al. 2017 (arXiv:1706.08500) and Salimans et al. 2016 (arXiv:1606.03498) take
features and probabilities from a frozen TensorFlow graph of 2015-12-05. It is
Inception-v3 (Szegedy et al. 2016, arXiv:1512.00567), and other weights than those of
keras.applications; besides, it differs from that network in

- the pooling of the last module: maximum, not mean (Mixed_7c);
- its 1008 classes, of which 1000 are ImageNet's in an order of its own;
- the scales (gamma) of its normalisations, which keras.applications lacks.

Against torchvision's network: means at a border count the pixels of the picture only,
as TensorFlow does, and the other points but the last.

Layers are named after the modules of the file of weights that PyTorch ports of the
graph read, see `fid_inception_weights`: `mixed_5b_branch1x1_conv` and `_norm`.
"""

import keras
from keras import layers, ops

# Height and width of the pictures.
PICTURE_SIZE = 299
# Values of `pool3`, and of `logits`.
FEATURES = 2048
CLASSES = 1008


def build_fid_inception() -> keras.Model:
    """The frozen network, with random weights.

    Returns:
        float32 pictures (batch, 299, 299, 3) in [0, 255], red first -> {"pool3":
        (batch, 2048), means over positions and not below 0; "logits": (batch, 1008)}.
        FID and KID compare `pool3`. The Inception Score does not take `logits`: see
        `probabilities_without_bias`.
    """
    pictures = keras.Input((PICTURE_SIZE, PICTURE_SIZE, 3), name="pictures")
    # (x - 128) / 128, as in the graph; pure white is 127 / 128.
    x = layers.Rescaling(1 / 128, -1.0, name="rescaling")(pictures)
    x = _apply_stem(x)
    x = _apply_module_a(x, 32, "mixed_5b")
    x = _apply_module_a(x, 64, "mixed_5c")
    x = _apply_module_a(x, 64, "mixed_5d")
    x = _apply_module_b(x, "mixed_6a")
    x = _apply_module_c(x, 128, "mixed_6b")
    x = _apply_module_c(x, 160, "mixed_6c")
    x = _apply_module_c(x, 160, "mixed_6d")
    x = _apply_module_c(x, 192, "mixed_6e")
    x = _apply_module_d(x, "mixed_7a")
    x = _apply_module_e(x, layers.AveragePooling2D, "mixed_7b")
    # A maximum in the graph, where the paper of Inception-v3 has a mean.
    x = _apply_module_e(x, layers.MaxPooling2D, "mixed_7c")
    features = layers.GlobalAveragePooling2D(name="pool3")(x)
    logits = layers.Dense(CLASSES, name="logits")(features)
    network = keras.Model(pictures, {"pool3": features, "logits": logits})
    network.trainable = False
    return network


def probabilities_without_bias(network: keras.Model, features):
    """Class probabilities as the Inception Score takes them.

    The authors' program multiplies `pool3` by the matrix of the last layer and takes
    the softmax of that: it leaves the bias out. All published scores have been computed
    so; with the bias they would be others.

    Args:
        network: of `build_fid_inception`.
        features: (batch, 2048), its `pool3`.
    Returns:
        (batch, 1008); a row's sum is 1.
    """
    kernel = network.get_layer("logits").kernel
    return ops.softmax(ops.matmul(features, kernel), axis=-1)


def _apply_stem(x):
    """299 pixels become 35, with 192 channels."""
    x = _convolve(x, 32, 3, "conv2d_1a_3x3", stride=2, padding="valid")
    x = _convolve(x, 32, 3, "conv2d_2a_3x3", padding="valid")
    x = _convolve(x, 64, 3, "conv2d_2b_3x3")
    x = layers.MaxPooling2D(3, 2)(x)
    x = _convolve(x, 80, 1, "conv2d_3b_1x1")
    x = _convolve(x, 192, 3, "conv2d_4a_3x3", padding="valid")
    return layers.MaxPooling2D(3, 2)(x)


def _apply_module_a(x, pool_filters: int, name: str):
    """35 x 35: 1x1, 5x5 and twice 3x3."""
    one = _convolve(x, 64, 1, f"{name}_branch1x1")
    five = _convolve(x, 48, 1, f"{name}_branch5x5_1")
    five = _convolve(five, 64, 5, f"{name}_branch5x5_2")
    three = _convolve(x, 64, 1, f"{name}_branch3x3dbl_1")
    three = _convolve(three, 96, 3, f"{name}_branch3x3dbl_2")
    three = _convolve(three, 96, 3, f"{name}_branch3x3dbl_3")
    pooled = _convolve(_mean(x, name), pool_filters, 1, f"{name}_branch_pool")
    return _join([one, five, three, pooled], name)


def _apply_module_b(x, name: str):
    """35 x 35 becomes 17 x 17."""
    three = _convolve(x, 384, 3, f"{name}_branch3x3", stride=2, padding="valid")
    twice = _convolve(x, 64, 1, f"{name}_branch3x3dbl_1")
    twice = _convolve(twice, 96, 3, f"{name}_branch3x3dbl_2")
    twice = _convolve(twice, 96, 3, f"{name}_branch3x3dbl_3", stride=2, padding="valid")
    return _join([three, twice, layers.MaxPooling2D(3, 2)(x)], name)


def _apply_module_c(x, filters: int, name: str):
    """17 x 17: 7x7 as 1x7 and 7x1, once and twice; `filters` between them."""
    one = _convolve(x, 192, 1, f"{name}_branch1x1")
    seven = _convolve(x, filters, 1, f"{name}_branch7x7_1")
    seven = _convolve(seven, filters, (1, 7), f"{name}_branch7x7_2")
    seven = _convolve(seven, 192, (7, 1), f"{name}_branch7x7_3")
    twice = _convolve(x, filters, 1, f"{name}_branch7x7dbl_1")
    twice = _convolve(twice, filters, (7, 1), f"{name}_branch7x7dbl_2")
    twice = _convolve(twice, filters, (1, 7), f"{name}_branch7x7dbl_3")
    twice = _convolve(twice, filters, (7, 1), f"{name}_branch7x7dbl_4")
    twice = _convolve(twice, 192, (1, 7), f"{name}_branch7x7dbl_5")
    pooled = _convolve(_mean(x, name), 192, 1, f"{name}_branch_pool")
    return _join([one, seven, twice, pooled], name)


def _apply_module_d(x, name: str):
    """17 x 17 becomes 8 x 8."""
    three = _convolve(x, 192, 1, f"{name}_branch3x3_1")
    three = _convolve(three, 320, 3, f"{name}_branch3x3_2", stride=2, padding="valid")
    seven = _convolve(x, 192, 1, f"{name}_branch7x7x3_1")
    seven = _convolve(seven, 192, (1, 7), f"{name}_branch7x7x3_2")
    seven = _convolve(seven, 192, (7, 1), f"{name}_branch7x7x3_3")
    seven = _convolve(seven, 192, 3, f"{name}_branch7x7x3_4", stride=2, padding="valid")
    return _join([three, seven, layers.MaxPooling2D(3, 2)(x)], name)


def _apply_module_e(x, pooling, name: str):
    """8 x 8: 1x3 beside 3x1, once and behind a 3x3."""
    one = _convolve(x, 320, 1, f"{name}_branch1x1")
    three = _convolve(x, 384, 1, f"{name}_branch3x3_1")
    wide = _convolve(three, 384, (1, 3), f"{name}_branch3x3_2a")
    high = _convolve(three, 384, (3, 1), f"{name}_branch3x3_2b")
    twice = _convolve(x, 448, 1, f"{name}_branch3x3dbl_1")
    twice = _convolve(twice, 384, 3, f"{name}_branch3x3dbl_2")
    twice_wide = _convolve(twice, 384, (1, 3), f"{name}_branch3x3dbl_3a")
    twice_high = _convolve(twice, 384, (3, 1), f"{name}_branch3x3dbl_3b")
    pooled = pooling(3, 1, padding="same", name=f"{name}_pool")(x)
    pooled = _convolve(pooled, 192, 1, f"{name}_branch_pool")
    return _join([one, wide, high, twice_wide, twice_high, pooled], name)


def _convolve(x, filters: int, size, name: str, stride: int = 1, padding="same"):
    x = layers.Conv2D(
        filters, size, stride, padding, use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _mean(x, name: str):
    # "same" in Keras: the padding is not counted.
    return layers.AveragePooling2D(3, 1, padding="same", name=f"{name}_pool")(x)


def _join(branches: list, name: str):
    return layers.Concatenate(name=name)(branches)
