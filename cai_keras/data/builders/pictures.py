"""Photographs and textures that come with Python packages: pictures, no download."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
import tensorflow_datasets as tfds

from cai_keras.data.picture_files import as_bytes, read_picture

_SKIMAGE = Path(skimage.data.__file__).parent
_SKLEARN = Path(sklearn.datasets.__file__).parent / "images"
# Split -> name -> file. Photographs are of things and scenes, textures fill a picture.
FILES = {
    "content": {
        "astronaut": _SKIMAGE / "astronaut.png",
        "chelsea": _SKIMAGE / "chelsea.png",
        "china": _SKLEARN / "china.jpg",
        "coffee": _SKIMAGE / "coffee.png",
        "flower": _SKLEARN / "flower.jpg",
        "motorcycle": _SKIMAGE / "motorcycle_left.png",
        "rocket": _SKIMAGE / "rocket.jpg",
    },
    "styles": {
        "brick": _SKIMAGE / "brick.png",
        "grass": _SKIMAGE / "grass.png",
        "gravel": _SKIMAGE / "gravel.png",
        "hubble": _SKIMAGE / "hubble_deep_field.jpg",
        "tissue": _SKIMAGE / "ihc.png",
    },
}


class Pictures(tfds.core.GeneratorBasedBuilder):
    """Seven photographs (`content`) and five textures (`styles`) of any size.

    They are sample data of scikit-image and scikit-learn; a stand-in for paintings and
    for large collections of photographs.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(None, None, 3), encoding_format="png"
                    ),
                    "name": tfds.features.Text(),
                }
            ),
            homepage="https://scikit-image.org",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in FILES}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number, (name, path) in enumerate(FILES[split].items()):
            image: np.ndarray = as_bytes(read_picture(path))
            yield number, {"image": image, "name": name}
