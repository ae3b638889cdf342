"""Pictures inside a web page: small enough to travel, as data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_BOX = (1200, 3000)  # pixels: sharp at the width of a card on a dense screen
_SMALL_FILE = 40_000  # bytes; such a PNG goes in as it is
_QUALITY = 82  # of WebP: strokes of plots stay clean, a quarter of the PNG's size


@dataclass(frozen=True)
class Picture:
    """One figure, ready for an `img` element.

    Attributes:
        uri: `data:image/...`; its length is what the picture adds to the page.
    """

    uri: str
    width: int
    height: int
    title: str
    caption: str


def read_picture(path: Path, title: str, caption: str) -> Picture:
    """Reads a PNG, made smaller where it is large; the same bytes for the same file.

    Raises:
        ValueError: the file is no picture, or damaged.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            kind = image.format
            image.load()
            image = _on_white(image)
    # Pillow raises SyntaxError on a damaged PNG, and an error of its own on a bomb.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name}: not a readable picture") from error
    fits = image.width <= _BOX[0] and image.height <= _BOX[1]
    if kind == "PNG" and fits and len(data) <= _SMALL_FILE:
        return Picture(_uri("png", data), image.width, image.height, title, caption)
    image.thumbnail(_BOX, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=4)
    size = image.width, image.height
    return Picture(_uri("webp", buffer.getvalue()), *size, title, caption)


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent becomes paper: the page may be dark."""
    image = image.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
