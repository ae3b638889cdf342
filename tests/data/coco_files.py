"""ArrayRecord files with COCO's features, for tests."""

import numpy as np
import tensorflow_datasets as tfds


class CocoFiles(tfds.core.GeneratorBasedBuilder):
    """COCO's features; picture n has the level 10 n and 20 + n columns."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.builder("coco/2014").info.features
        return tfds.core.DatasetInfo(
            builder=self, features=features, disable_shuffling=True
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(5),
            "validation": self._generate_examples(3),
        }

    def _generate_examples(self, count):
        for number in range(count):
            yield number, {
                "image": np.full((24, 20 + number, 3), 10 * number, np.uint8),
                "image/filename": f"{number}.jpg",
                "image/id": number,
                "objects": [
                    {"area": 1, "id": 1, "label": 0, "is_crowd": False,
                     "bbox": tfds.features.BBox(0.0, 0.0, 1.0, 1.0)}
                ],
            }  # fmt: skip
