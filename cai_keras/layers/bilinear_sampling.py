"""Images read at any points between their pixels, differentiably."""

from keras import ops

BORDERS = ("zeros", "nearest", "reflect")


def sample_bilinear(images, points, border: str = "zeros"):
    """V_i = sum_nm U_nm max(0, 1 - |x_i - m|) max(0, 1 - |y_i - n|).

    Jaderberg et al. 2015 (arXiv:1506.02025), equation 5. Gradients reach the images
    and the points.

    Points are (x, y) from -1, the centre of the first column or row, to +1, the centre
    of the last one: an image sampled at its own grid is itself, bit for bit or nearly.
    They are handled in float32 whatever the type of the images: float16 would be off
    by 0.03 pixels at a width of 128.

    Args:
        images: float (batch, height, width, channels), of known height and width.
        points: float (batch, rows, columns, 2).
        border: what is seen outside of the image. `zeros`: black, so that values fade
            out over the last pixel; `nearest`: the pixels of the border go on;
            `reflect`: the image mirrored about the centres of its border pixels.
    Returns:
        float (batch, rows, columns, channels), the type of the images.
    Raises:
        ValueError: an unknown border, or a size that is not known.
    """
    if border not in BORDERS:
        raise ValueError(
            f"sample_bilinear: border must be one of {', '.join(BORDERS)}; "
            f"received {border!r}"
        )
    height, width = images.shape[1:3]
    if height is None or width is None:
        raise ValueError(
            "sample_bilinear needs images of known height and width; received shape "
            f"{tuple(images.shape)}"
        )
    points = ops.cast(points, "float32")
    left, right = _neighbours(points[..., 0], width, border)
    above, below = _neighbours(points[..., 1], height, border)
    corners = [
        _pick(images, row, column) * ops.cast((u * v)[..., None], images.dtype)
        for row, v in (above, below)
        for column, u in (left, right)
    ]
    return sum(corners[1:], corners[0])


def _neighbours(coordinate, size: int, border: str):
    """The pixels before and after a coordinate, each with its weight."""
    position = (coordinate + 1.0) * ((size - 1) / 2.0)
    if border == "reflect":
        position = _reflected(position, size)
    # Beyond one pixel outside nothing is seen, and the numbers would not fit integers.
    margin = 1.0 if border == "zeros" else 0.0
    position = ops.clip(position, -margin, size - 1 + margin)
    first = ops.floor(position)
    after = position - first
    found = []
    for index, weight in ((first, 1.0 - after), (first + 1.0, after)):
        inside = ops.logical_and(index >= 0, index <= size - 1)
        weight = weight * ops.cast(inside, weight.dtype)
        found.append((ops.cast(ops.clip(index, 0, size - 1), "int32"), weight))
    return found


def _reflected(position, size: int):
    """Folded into 0 to size - 1, as a wave of twice that length."""
    if size == 1:
        return ops.zeros_like(position)
    period = 2.0 * (size - 1)
    folded = position - period * ops.floor(position / period)
    return ops.minimum(folded, period - folded)


def _pick(images, rows, columns):
    """images[b, rows[b], columns[b]] as one gather."""
    _, height, width, channels = images.shape
    batch = ops.shape(images)[0]
    pixels = ops.reshape(images, (-1, channels))
    start = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1)) * height * width
    return ops.take(pixels, start + rows * width + columns, axis=0)
