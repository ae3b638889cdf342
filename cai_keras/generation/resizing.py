"""How pictures reach the size of a feature extractor: part of a score's definition.

clean_bicubic: Pillow's bicubic with antialias, each channel in floating point,
    clipped to [0, 255] and not rounded afterwards: clean mode of clean-fid (Parmar
    et al. 2022, arXiv:2104.11222); its program clips, its paper does not say so
tf1_bilinear: `resize_bilinear` of TensorFlow 1, what the graph of the published FID
    does inside: output pixel i looks at input position i * input / output, without
    antialias, so that a smaller picture drops pixels
none: pictures must have the extractor's size
"""

import numpy as np

from cai_keras.data.picture_files import resize_picture
from cai_keras.errors import UsageError, choose


def resize_pictures(
    pictures: np.ndarray, height: int, width: int, resizing: str
) -> np.ndarray:
    """Pictures of another size; `resizing` is one of `RESIZINGS`, see this module.

    Args:
        pictures: real (n, any, any, channels) in [0, 255].
    Returns:
        float32 (n, height, width, channels) in [0, 255], not rounded.
    Raises:
        UsageError: an unknown name, or `none` and another size.
    """
    resize = choose("resizing", resizing, RESIZINGS)
    if pictures.ndim != 4:
        raise ValueError(
            "pictures: expected (n, height, width, channels), received "
            f"{pictures.shape}"
        )
    return resize(np.asarray(pictures, np.float32), height, width)


def _clean_bicubic(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    new = np.empty((len(pictures), height, width, pictures.shape[-1]), np.float32)
    for old, resized in zip(pictures, new, strict=True):
        resized[...] = resize_picture(old, height, width)
    return np.clip(new, 0, 255, out=new)  # bicubic overshoots at edges


def _tf1_bilinear(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    # Rows and columns in the order of TensorFlow's kernel: the same roundings.
    top, bottom, down = _neighbours(pictures.shape[1], height)
    left, right, across = _neighbours(pictures.shape[2], width)
    across, down = across[:, None], down[:, None, None]

    def between_columns(rows):
        first = pictures[:, rows][:, :, left]
        return first + (pictures[:, rows][:, :, right] - first) * across

    upper = between_columns(top)
    return upper + (between_columns(bottom) - upper) * down


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels before and after each output pixel, and its distance from the first."""
    position = np.arange(new, dtype=np.float32) * np.float32(old / new)
    before = np.minimum(position.astype(np.int64), old - 1)
    return before, np.minimum(before + 1, old - 1), position - before.astype(np.float32)


def _none(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    if pictures.shape[1:3] != (height, width):
        found = " x ".join(str(side) for side in pictures.shape[1:3])
        raise UsageError(
            f"resizing none: expected pictures of {height} x {width}, found {found}; "
            "say clean_bicubic or tf1_bilinear"
        )
    return pictures


RESIZINGS = {
    "clean_bicubic": _clean_bicubic,
    "tf1_bilinear": _tf1_bilinear,
    "none": _none,
}
