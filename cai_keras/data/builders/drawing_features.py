"""The features that all sets of drawn characters share."""

import numpy as np
import tensorflow_datasets as tfds

SIDE = 105  # pixels, as in Omniglot


def drawing_features() -> tfds.features.FeaturesDict:
    """image (105, 105, 1), 0 ink and 255 paper; alphabet; character and drawer, from 1.

    Characters are counted within their alphabet, drawers within their character.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(SIDE, SIDE, 1), encoding_format="png"),
            "alphabet": tfds.features.Text(),
            "character": tfds.features.Scalar(np.int32),
            "drawer": tfds.features.Scalar(np.int32),
        }
    )
