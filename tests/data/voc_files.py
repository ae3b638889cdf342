"""A tiny folder in the form of VOC 2012 and SBD."""

from pathlib import Path

import numpy as np
from image_files import jpeg
from PIL import Image
from scipy.io import savemat

# Three images of VOC; SBD has annotated one of each list and one that is its own.
LISTS = {
    "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt": (
        "2007_000032",
        "2007_000039",
    ),
    "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt": ("2007_000033",),
    "benchmark_RELEASE/dataset/train.txt": ("2007_000032", "2008_000002"),
    "benchmark_RELEASE/dataset/val.txt": ("2007_000033",),
}
SIZE = (6, 9)  # height and width


def write_voc(folder: Path) -> None:
    """Image n is as grey as 50 n, counted over all; its label is a frame of 255.

    Inside VOC's labels are n, and SBD's 10 + n.
    """
    for path, names in LISTS.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{name}\n" for name in names))
    voc = folder / "VOCdevkit" / "VOC2012"
    sbd = folder / "benchmark_RELEASE" / "dataset"
    for path in (voc / "JPEGImages", voc / "SegmentationClass", sbd / "cls"):
        path.mkdir(parents=True)
    names = sorted({name for listed in LISTS.values() for name in listed})
    for number, name in enumerate(names, start=1):
        (voc / "JPEGImages" / f"{name}.jpg").write_bytes(jpeg(50 * number, SIZE[::-1]))
        label = np.full(SIZE, 255, np.uint8)
        label[1:-1, 1:-1] = number
        image = Image.fromarray(label, mode="P")
        image.putpalette(np.arange(768, dtype=np.uint8).tobytes())
        image.save(voc / "SegmentationClass" / f"{name}.png")
        whole = np.full(SIZE, 10 + number, np.uint8)
        savemat(sbd / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": whole}})
