"""Bytes of image files in the forms of published data sets."""

import io
import struct

from PIL import Image


def jpeg(level, size=(32, 32), mode="RGB"):
    """A picture of one grey level."""
    colour = (level,) * 3 if mode == "RGB" else level
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def idx(array, type_code=8):
    """An array of bytes as an IDX file."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, type_code, array.ndim]) + sizes + array.astype("u1").tobytes()
