"""What the metrics of sets ask of the features that they are given."""

import numpy as np


def check_features(name: str, features: np.ndarray, least: int = 1) -> None:
    """Refuses what is not a set of feature vectors of which all numbers are finite.

    Args:
        name: of the argument, for the error.
        features: real (n, d), n >= `least`, d >= 1.
    Raises:
        ValueError: `features` are not such an array.
    """
    if features.ndim != 2 or features.shape[1] == 0 or features.dtype.kind not in "fiu":
        raise ValueError(
            f"{name}: expected real features (n, d), received {features.dtype} "
            f"{features.shape}"
        )
    if len(features) < least:
        raise ValueError(
            f"{name}: expected {least} or more examples, received {len(features)}"
        )
    is_finite = np.isfinite(features).all(axis=1)
    if not is_finite.all():
        raise ValueError(
            f"{name}: expected finite features, received {np.sum(~is_finite)} of "
            f"{len(features)} rows with NaN or infinity"
        )


def check_feature_sets(least: int = 1, **sets: np.ndarray) -> None:
    """The same for two sets, by name, whose features are to be compared.

    Raises:
        ValueError: also where the sets differ in width.
    """
    for name, features in sets.items():
        check_features(name, features, least)
    (first, a), (second, b) = sets.items()
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"expected features of one width, received {first} {a.shape} and "
            f"{second} {b.shape}"
        )
