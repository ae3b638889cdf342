"""Enlarged test pictures: PSNR, SSIM, sharpness and features, beside bicubic ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cai_keras.data.picture_files import as_bytes, resize_picture
from cai_keras.losses.style import content_loss
from cai_keras.networks.feature_networks import FeatureNetwork
from cai_keras.reporting.record import Metric
from cai_keras.stylization.apply import apply_network

from .data import shrink

# ITU-R BT.601 for red, green and blue in [0, 1]: Y from 16 to 235.
_LUMA, _BLACK = (65.481, 128.553, 24.966), 16.0
_PART = 0.4  # of the shorter side


@dataclass(frozen=True)
class Enlarged:
    """A test picture and two others of its size, all float32 in [0, 1]."""

    original: np.ndarray
    bicubic: np.ndarray
    ours: np.ndarray


class ResolutionEvaluation:
    """What a trained super-resolution network is measured by.

    Args:
        network: small picture -> picture.
        factor: by which it enlarges.
        pictures: name -> original, its sides multiples of the factor.
        test_name: the data set that they are from.
        judge: the features by which pictures are compared.
        settings: the recipe's section `evaluate`.
    """

    def __init__(
        self,
        network: keras.Model,
        factor: int,
        pictures: Mapping[str, np.ndarray],
        test_name: str,
        judge: FeatureNetwork,
        settings,
    ):
        self.network = network
        self.factor = factor
        self.pictures = pictures
        self.settings = settings
        self.judge = judge
        self._features = judge.extractor([settings.judge.layer])
        self._passport = {
            "pictures": test_name,
            "border": factor,
            "blur": settings.blur,
        }

    def enlarged(self) -> dict[str, Enlarged]:
        """All test pictures, made small and large again."""
        return {name: self._enlarge(picture) for name, picture in self.pictures.items()}

    def strip(self, number: int) -> np.ndarray:
        """The middle of a test picture: original, bicubic and ours, left to right.

        Args:
            number: of the picture, from 0.
        Returns:
            float32 (side, 3 side, 3) in [0, 1].
        """
        one = self._enlarge(list(self.pictures.values())[number])
        sides = (one.original, one.bicubic, one.ours)
        return np.concatenate([middle_part(picture) for picture in sides], axis=1)

    def by_picture(self, metric: str) -> list[float]:
        """A metric of `compare`, or with `_bicubic` behind it, of each test picture."""
        found, name = self.enlarged().values(), metric.removesuffix("_bicubic")
        pairs = [
            (one.ours if name == metric else one.bicubic, one.original) for one in found
        ]
        return [float(compare(*pair, self.factor)[name]) for pair in pairs]

    def _enlarge(self, original: np.ndarray) -> Enlarged:
        small = shrink(original, self.factor, self.settings.blur).numpy()
        bicubic = resize_picture(small, *original.shape[:2])
        ours = apply_network(self.network, small)
        return Enlarged(original, np.clip(bicubic, 0, 1), ours)

    def measure(self) -> dict[str, Metric]:
        """Means over the test pictures.

        psnr_y, ssim_y, sharpness: see `compare`. log10_feature_distance_NETWORK: mean
        squared difference of a layer's maps. All also of bicubic interpolation.
        """
        rows = [
            (
                compare(one.ours, one.original, self.factor)
                | self._distance(one.ours, one.original),
                compare(one.bicubic, one.original, self.factor)
                | self._distance(one.bicubic, one.original),
            )
            for one in self.enlarged().values()
        ]
        metrics = {}
        for suffix, side in (("", 0), ("_bicubic", 1)):
            for name in rows[0][side]:
                values = [row[side][name] for row in rows]
                metric = Metric.of(np.mean(values), len(values), self._passport)
                metrics[f"{name}{suffix}"] = metric
        return metrics

    def _distance(self, picture, original) -> dict[str, float]:
        layer = self.settings.judge.layer
        found, wanted = (self._features(x[None])[layer] for x in (picture, original))
        distance = content_loss(found, wanted, "johnson")
        value = float(ops.convert_to_numpy(distance)[0])
        return {f"log10_feature_distance_{self.judge.name}": np.log10(value)}


def middle_part(picture: np.ndarray) -> np.ndarray:
    """The square in the middle that figures show larger."""
    side = round(_PART * min(picture.shape[:2]))
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def luma(picture: np.ndarray) -> np.ndarray:
    """Y of ITU-R BT.601 of a picture in [0, 1], rounded to 256 levels; 16 to 235.

    Returns:
        float64 (height, width).
    """
    return _BLACK + as_bytes(picture) / 255.0 @ np.array(_LUMA)


def compare(picture, original, border: int) -> dict[str, float]:
    """How like its original a picture is, by its Y channel without a border.

    psnr_y: peak signal to noise, decibels, of a range of 255.
    ssim_y: Wang et al. 2004, Gaussian windows with a deviation of 1.5.
    sharpness: mean length of the gradient over that of the original.

    Args:
        border: pixels that are left out on each side.
    """
    inner = (slice(border, -border),) * 2
    ours, theirs = (luma(x)[inner] for x in (picture, original))
    return {
        "psnr_y": peak_signal_noise_ratio(theirs, ours, data_range=255),
        "ssim_y": structural_similarity(
            theirs,
            ours,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        ),
        "sharpness": _mean_slope(ours) / _mean_slope(theirs),
    }


def _mean_slope(values: np.ndarray) -> float:
    return float(np.hypot(*np.gradient(values)).mean())
