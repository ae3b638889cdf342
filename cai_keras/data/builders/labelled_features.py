"""The features that builders of classified images share."""

import tensorflow_datasets as tfds


def labelled_features(
    shape: tuple[int, int, int], encoding_format: str, **classes
) -> dict:
    """`image` and `label` as arguments of a builder's `DatasetInfo`.

    Args:
        encoding_format: png, or jpeg where the files are JPEG already.
        classes: `names` or `num_classes`, as `tfds.features.ClassLabel` takes them.
    """
    return {
        "features": tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(
                    shape=shape, encoding_format=encoding_format
                ),
                "label": tfds.features.ClassLabel(**classes),
            }
        ),
        "supervised_keys": ("image", "label"),
    }
