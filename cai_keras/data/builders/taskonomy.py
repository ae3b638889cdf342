"""Taskonomy's images with their annotations, which users fetch themselves."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, UnidentifiedImageError

from cai_keras.errors import DataError

# Domain -> channels and type. The authors say of depths that a unit is 1/512 m, of
# normals that they are centred on 127, of curvatures that the first two channels hold
# them and 127 is none, of semantic labels that 0 is unknown and 1 background. Grey maps
# of 8 and of 16 bits are both kept as they are, as uint16.
MAPS = {
    "rgb": (3, np.uint8),
    "normal": (3, np.uint8),
    "principal_curvature": (3, np.uint8),
    "reshading": (1, np.uint8),
    "segment_semantic": (1, np.uint8),
    "depth_zbuffer": (1, np.uint16),
    "depth_euclidean": (1, np.uint16),
    "edge_occlusion": (1, np.uint16),
    "edge_texture": (1, np.uint16),
    "keypoints2d": (1, np.uint16),
    "keypoints3d": (1, np.uint16),
}
# Domain -> numbers of its .npy files.
CLASSES = {"class_object": 1000, "class_scene": 365}
# The partition `Tiny` of the authors' list of splits.
TINY = {
    "train": (
        "hanson", "merom", "klickitat", "onaga", "leonardo", "marstons", "newfields",
        "pinesdale", "lakeville", "cosmos", "benevolence", "pomaria", "tolstoy",
        "shelbyville", "allensville", "wainscott", "beechwood", "coffeen", "stockman",
        "hiteman", "woodbine", "lindenwood", "forkland", "mifflinburg", "ranchester",
    ),
    "validation": ("wiconisco", "corozal", "collierville", "markleeville", "darden"),
    "test": ("ihlen", "muleshoe", "uvalda", "noxapater", "mcdade"),
}  # fmt: skip
FIX = (
    "Fetch the partition tiny with `omnitools.download all --components taskonomy "
    "--subset tiny` (github.com/StanfordVL/taskonomy, data/README.md) into the manual "
    "folder, or into taskonomy in it: DOMAIN/taskonomy/BUILDING/point_0_view_0_"
    "domain_DOMAIN.png, DOMAIN/BUILDING/... or BUILDING/DOMAIN/..."
)
_NAME = re.compile(r"point_(\d+)_view_(\d+)_domain_rgb\.png")


class Taskonomy(tfds.core.GeneratorBasedBuilder):
    """Photographs of rooms with annotations for vision tasks (Zamir et al. 2018).

    An example is one view of one point of a building; a view of which an annotation is
    missing is left out. Maps are kept as they are stored. class_object and class_scene:
    float32, distilled from classifiers. vanishing_points: float32 (9,), three points of
    the Gaussian sphere, x, y and z one behind the other. Stored for random access.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = FIX

    def __init__(self, **options):
        super().__init__(**{"file_format": "array_record", **options})

    def _info(self) -> tfds.core.DatasetInfo:
        maps = {
            name: tfds.features.Image(
                shape=(None, None, channels), dtype=dtype, encoding_format="png"
            )
            for name, (channels, dtype) in MAPS.items()
        }
        classes = {
            name: tfds.features.Tensor(shape=(count,), dtype=np.float32)
            for name, count in CLASSES.items()
        }
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "building": tfds.features.Text(),
                    "point": np.int64,
                    "view": np.int64,
                    "vanishing_points": tfds.features.Tensor(
                        shape=(9,), dtype=np.float32
                    ),
                    **maps,
                    **classes,
                }
            ),
            homepage="http://taskonomy.stanford.edu",
            citation="Zamir et al.: Taskonomy: Disentangling task transfer learning. "
            "CVPR 2018",
        )

    def _split_generators(self, dl_manager):
        root = folder_of(Path(dl_manager.manual_dir))
        check_buildings(root)
        return {
            split: self._generate_examples(root, buildings)
            for split, buildings in TINY.items()
        }

    def _generate_examples(
        self, root: Path, buildings: tuple[str, ...]
    ) -> Iterator[tuple[str, dict]]:
        for building in buildings:
            folder = domain_folder(root, "rgb", building)
            if folder is None:
                continue
            for path in sorted(folder.glob("*_domain_rgb.png")):
                found = _NAME.fullmatch(path.name)
                example = found and read_view(root, building, *map(int, found.groups()))
                if example:
                    yield f"{building}/{found[1]}/{found[2]}", example


def folder_of(manual_dir: Path) -> Path:
    """Where in the manual folder the images are."""
    own = manual_dir / "taskonomy"
    return own if own.is_dir() else manual_dir


def domain_folder(root: Path, domain: str, building: str) -> Path | None:
    """The files of a domain and a building, in any of the layouts in use."""
    layouts = (
        root / domain / "taskonomy" / building,
        root / domain / building,
        root / building / domain,
    )
    return next((path for path in layouts if path.is_dir()), None)


def check_buildings(root: Path) -> None:
    """Every split needs images.

    Raises:
        DataError: a split has no building, with the fix.
    """
    for split, buildings in TINY.items():
        if not any(domain_folder(root, "rgb", building) for building in buildings):
            names = ", ".join(buildings[:3])
            raise DataError(f"{root}: no building of {split} ({names}, ...). {FIX}")


def read_view(root: Path, building: str, point: int, view: int) -> dict | None:
    """One example; None if an annotation is missing.

    Raises:
        DataError: a file is damaged or of another kind; names it.
    """

    def file_of(domain: str, name: str, ending: str) -> Path | None:
        folder = domain_folder(root, domain, building)
        path = folder and folder / f"point_{point}_view_{view}_domain_{name}.{ending}"
        return path if path and path.is_file() else None

    maps = {name: file_of(name, name, "png") for name in MAPS}
    classes = {name: file_of(name, name, "npy") for name in CLASSES}
    points = file_of("points", "fixatedpose", "json")
    if points is None or None in (*maps.values(), *classes.values()):
        return None
    return {
        "building": building,
        "point": point,
        "view": view,
        "vanishing_points": _read_vanishing_points(points),
        **{name: _read_map(path, *MAPS[name]) for name, path in maps.items()},
        **{name: _read_classes(path, CLASSES[name]) for name, path in classes.items()},
    }


def _read_map(path: Path, channels: int, dtype) -> np.ndarray:
    try:
        with Image.open(path) as image:
            if channels == 3:
                image = image.convert("RGB")
            elif dtype == np.uint8:
                image = image.convert("L")  # some grey maps are stored as colours
            pixels = np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path}: not a whole picture: {error}") from error
    if channels == 1:
        if pixels.ndim != 2:
            raise DataError(f"{path}: expected one channel, found {image.mode}")
        if pixels.min() < 0 or pixels.max() > np.iinfo(dtype).max:
            raise DataError(f"{path}: levels outside {dtype.__name__}")
        pixels = pixels[..., None]
    return pixels.astype(dtype)


def _read_classes(path: Path, count: int) -> np.ndarray:
    try:
        with path.open("rb") as file:
            values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a whole array: {error}") from error
    if values.size != count:
        raise DataError(f"{path}: {values.size} numbers, expected {count}")
    return values.reshape(count).astype(np.float32)


def _read_vanishing_points(path: Path) -> np.ndarray:
    try:
        sphere = json.loads(path.read_text())["vanishing_points_gaussian_sphere"]
        values = np.array([sphere[axis] for axis in "xyz"], np.float32)
    except (ValueError, KeyError, TypeError) as error:
        what = "vanishing_points_gaussian_sphere with x, y and z"
        raise DataError(f"{path}: expected {what}: {error}") from error
    if values.shape != (3, 3):
        raise DataError(f"{path}: vanishing points of shape {values.shape}")
    return values.ravel()
