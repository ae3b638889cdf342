"""Tiny archives in the form of pix2pix's facades."""

import io
import zipfile

import numpy as np
from PIL import Image

from cai_keras.data.builders.facade_labels import COLOURS


def pair(number, size=(256, 512)):
    """JPEG: left as grey as 20 n; right the colours of class n above, 0 below."""
    height, width = size
    picture = np.full((height, width, 3), 20 * number, np.uint8)
    picture[: height // 2, width // 2 :] = COLOURS[number]
    picture[height // 2 :, width // 2 :] = COLOURS[0]
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_facades(folder, train=None):
    """train.zip with members 10, 2 and 1, or those given, and val.zip with one."""
    folder.mkdir(exist_ok=True)
    members = train or {f"train/{n}.jpg": pair(n) for n in (10, 2, 1)}
    archives = {"train": members, "val": {"val/1.jpg": pair(3)}}
    for name, files in archives.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for member, data in files.items():
                archive.writestr(member, data)
