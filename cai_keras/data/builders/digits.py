"""scikit-learn's handwritten digits as a TFDS builder: real images, no download."""

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from cai_keras.data.builders.labelled_features import labelled_features

_NUM_TRAIN = 1_297  # leaves 500 for the test


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 digits, 8 x 8, 17 levels of grey: the test part of UCI's set of 1998.

    The order is scikit-learn's; the first 1,297 are `train`, the last 500 `test`.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            **labelled_features((8, 8, 1), "png", num_classes=10),
            homepage="https://scikit-learn.org",
            citation="Alpaydin, Kaynak: Cascading classifiers. Kybernetika 34, 1998",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        digits = load_digits()
        # 0..16 becomes 0..255; 16 * 15.9375 = 255 exactly.
        images = np.round(digits.images * 15.9375).astype(np.uint8)[..., None]
        cut = slice(None, _NUM_TRAIN), slice(_NUM_TRAIN, None)
        return {
            split: self._generate_examples(images[part], digits.target[part])
            for split, part in zip(("train", "test"), cut, strict=True)
        }

    def _generate_examples(self, images, labels):
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label)}
