"""Feature networks whose filters weigh alike on the pictures that every machine has."""

import numpy as np
import pytest

from cai_keras.data.picture_files import middle_square
from cai_keras.data.style_pictures import load_style_pictures
from cai_keras.stylization.features import calibrated_features


@pytest.mark.parametrize("spec", ["cai_vgg", "random_vgg"])
def test_active_filters_have_a_mean_activation_of_one_and_no_filter_more(spec):
    pictures = load_style_pictures("embedded:pictures")
    every = [*pictures.content.values(), *pictures.styles.values()]
    batch = np.stack([middle_square(picture, 128) for picture in every])

    network = calibrated_features(spec)
    maps = network.extractor(["conv1_1", "conv3_1"])(batch)

    for name in ("conv1_1", "conv3_1"):
        means = np.asarray(maps[name]).mean(axis=(0, 1, 2))
        assert means.max() == pytest.approx(1.0, rel=1e-3)
        assert np.median(means) == pytest.approx(1.0, rel=1e-3)
