"""Pictures of any size from files and back: float32 (height, width, 3), red first."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cai_keras.errors import DataError, UsageError, nearest

# What `find_pictures` takes for pictures; `read_picture` reads whatever Pillow can.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Suffixes that can be written, with Pillow's name and options of the format.
WRITABLE = {
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 95}),
}
_SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L")


def read_picture(path: Path | str) -> np.ndarray:
    """A picture in [0, 1], upright, without transparency.

    The camera's orientation is applied; transparent parts are seen before white; grey
    becomes three equal channels; 16-bit grey is divided by 65,535.

    Returns:
        float32 (height, width, 3).
    Raises:
        DataError: no such file, or not a picture; names it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file")
    try:
        with Image.open(path) as file:
            return _as_picture(ImageOps.exif_transpose(file))
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not a picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: damaged or not a picture ({reason})") from error


def picture_bytes(picture: np.ndarray, suffix: str) -> bytes:
    """A file's content; values outside [0, 1] are clipped.

    Args:
        picture: float (height, width, 3).
        suffix: one of `WRITABLE`.
    Raises:
        UsageError: another suffix.
    """
    check_writable(suffix)
    name, options = WRITABLE[suffix.lower()]
    content = io.BytesIO()
    Image.fromarray(as_bytes(picture)).save(content, name, **options)
    return content.getvalue()


def check_writable(name: Path | str) -> None:
    """Raises UsageError if `name` (a file or a suffix) is in no format we write."""
    text = str(name)
    suffix = (
        text if text.startswith(".") and text.count(".") == 1 else Path(text).suffix
    )
    if suffix.lower() not in WRITABLE:
        raise UsageError(
            f"{text}: cannot write {suffix or 'a file without suffix'}; "
            f"{nearest(suffix, WRITABLE)}"
        )


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """uint8 of a picture in [0, 1], rounded and clipped."""
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def find_pictures(folder: Path) -> list[Path]:
    """Files of a folder whose suffix is a picture's, by name; hidden ones are not."""
    return sorted(
        path
        for path in Path(folder).iterdir()
        if path.is_file()
        and path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
    )


def resize_picture(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic; when it shrinks, each pixel is a weighted mean of all it covers.

    Args:
        picture: float (any, any, channels).
    Returns:
        float32 (height, width, channels); it may overshoot the range by a little.
    """
    if picture.shape[:2] == (height, width):
        return np.asarray(picture, np.float32)
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(channel, np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
        )
        for channel in np.moveaxis(np.asarray(picture, np.float32), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def fit_longer_side(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture scaled so that its longer side has `side` pixels, in [0, 1]."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return np.clip(resize_picture(picture, *size), 0, 1)


def middle_square(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle of a picture, scaled to (side, side, 3), in [0, 1]."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    top, left = (height - shorter) // 2, (width - shorter) // 2
    square = picture[top : top + shorter, left : left + shorter]
    return np.clip(resize_picture(square, side, side), 0, 1)


def _as_picture(image: Image.Image) -> np.ndarray:
    if image.mode in _SIXTEEN_BITS:
        grey = np.asarray(image).astype(np.float32) / 65_535
        return np.repeat(np.clip(grey, 0, 1)[..., None], 3, axis=-1)
    if image.mode == "F":
        raise ValueError("a picture of floats has no known range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return np.asarray(image.convert("RGB"), np.float32) / 255
