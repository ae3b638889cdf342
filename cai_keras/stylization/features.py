"""Feature networks whose layers weigh alike, as losses of several layers need them."""

from functools import lru_cache

from cai_keras.data.picture_files import middle_square
from cai_keras.data.style_pictures import load_style_pictures
from cai_keras.networks.feature_networks import FeatureNetwork, load_feature_network

_SIDE = 128


def calibrated_features(spec: str, pooling: str = "average") -> FeatureNetwork:
    """A feature network whose filters have a mean activation of 1 (Gatys et al. 2016).

    They are scaled on the middle of the photographs and textures of
    `embedded:pictures`, 128 x 128 pixels each, which every machine has: losses of two
    runs on different pictures can be compared.

    Args:
        spec, pooling: as for `load_feature_network`.
    """
    return load_feature_network(spec, pooling, _photographs())


@lru_cache(maxsize=1)
def _photographs() -> tuple:
    pictures = load_style_pictures("embedded:pictures")
    every = [*pictures.content.values(), *pictures.styles.values()]
    return tuple(middle_square(picture, _SIDE) for picture in every)
