"""Losses of style transfer: Gram matrices, style, content and total variation.

Three sets of formulae are in use under one name; they differ by factors that depend on
the width of a layer and the size of a picture, so that weights of one mean nothing in
another. They are named after their sources:

- `gatys`: Gatys, Ecker, Bethge 2016, equations 1 to 5.
- `gatys_code`: the authors' later code (leongatys/PytorchNeuralStyleTransfer).
- `johnson`: Johnson, Alahi, Fei-Fei 2016, as in their code (jcjohnson/
  fast-neural-style); the paper's equation 4 sums where the code averages.
"""

from keras import ops

CONVENTIONS = ("gatys", "gatys_code", "johnson")


def gram_matrix(features):
    """Mean products of a layer's channels over positions: how they occur together.

    G_ij = 1/M sum over positions of F_i F_j. Gatys et al. 2016 (equation 3) have no
    1/M; with it pictures of different sizes can be compared, and `style_loss` has the
    value of their equation 4 where sizes are equal.

    Args:
        features: float (batch, height, width, channels).
    Returns:
        (batch, channels, channels), float32 also of half-precision features, whose
        sums would overflow.
    Raises:
        ValueError: the features have another number of axes.
    """
    _check_maps("gram_matrix", features)
    features = ops.cast(features, "float32")
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (batch, height * width, channels))
    products = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return products / ops.cast(height * width, "float32")


def style_loss(gram, target, convention: str = "gatys"):
    """How far a layer's Gram matrix is from that of the style, for each picture.

    With N channels:
        gatys:      1/(4 N^2) sum_ij (G_ij - A_ij)^2        (equation 4)
        gatys_code: 1/N^2 sum_ij (G_ij - A_ij)^2
        johnson:    1/N^2 sum_ij (G_ij - A_ij)^2 / N^2      (Gram matrices over N M)

    Args:
        gram: of `gram_matrix`, (batch, N, N).
        target: of the style, (batch or 1, N, N).
        convention: one of `CONVENTIONS`.
    Returns:
        float32 (batch,).
    Raises:
        ValueError: an unknown convention.
    """
    channels = gram.shape[-1]
    mean = ops.mean(ops.square(ops.subtract(gram, target)), axis=(1, 2))
    return mean * _factor(
        convention, {"gatys": 0.25, "gatys_code": 1.0, "johnson": 1.0 / channels**2}
    )


def content_loss(features, target, convention: str = "gatys"):
    """How far a layer's features are from those of the content, for each picture.

    gatys: half the sum of squares (equation 1); gatys_code and johnson: the mean of
    squares, which Johnson et al. call feature reconstruction (equation 2).

    Args:
        features, target: float (batch, height, width, channels); the target may have a
            batch of 1.
        convention: one of `CONVENTIONS`.
    Returns:
        float32 (batch,).
    Raises:
        ValueError: an unknown convention, or features of another number of axes.
    """
    _check_maps("content_loss", features)
    _, height, width, channels = ops.shape(features)
    difference = ops.cast(features, "float32") - ops.cast(target, "float32")
    mean = ops.mean(ops.square(difference), axis=(1, 2, 3))
    half_count = 0.5 * ops.cast(height * width * channels, "float32")
    return mean * _factor(
        convention, {"gatys": half_count, "gatys_code": 1.0, "johnson": 1.0}
    )


def total_variation(images, power: float = 2.0):
    """Sum of |difference|^power between neighbours, right and below, each picture.

    Johnson et al. use squares, which blur; a power of 1 keeps edges (Rudin, Osher,
    Fatemi 1992, without their joint norm of both directions).

    Args:
        images: float (batch, height, width, channels).
        power: at least 1.
    Returns:
        float32 (batch,); 0 for pictures of one colour.
    Raises:
        ValueError: a power below 1, or images of another number of axes.
    """
    _check_maps("total_variation", images)
    if power < 1:
        raise ValueError(
            f"total_variation: expected a power of at least 1, got {power}"
        )
    images = ops.cast(images, "float32")
    right = images[:, :, 1:] - images[:, :, :-1]
    below = images[:, 1:] - images[:, :-1]
    return sum(
        ops.sum(_powered(step, power), axis=(1, 2, 3)) for step in (right, below)
    )


def _powered(values, power: float):
    # A root's gradient at 0 is infinite; these two have none.
    if power == 2:
        return ops.square(values)
    return ops.abs(values) if power == 1 else ops.abs(values) ** power


def _factor(convention: str, factors: dict):
    if convention not in factors:
        raise ValueError(
            f"unknown convention {convention!r}; expected one of {', '.join(factors)}"
        )
    return factors[convention]


def _check_maps(function: str, maps) -> None:
    if len(maps.shape) != 4:
        raise ValueError(
            f"{function}: expected (batch, height, width, channels), received "
            f"{tuple(maps.shape)}"
        )
