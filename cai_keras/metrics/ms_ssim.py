"""How alike the pictures of a set are to each other."""

from dataclasses import dataclass

import numpy as np

from cai_keras.metrics.random_pairs import random_pairs

# Wang, Simoncelli, Bovik 2003, Section 3.2; finest scale first.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
FILTER_SIZE = 11  # pixels, at every scale
_BLOCK_NUMBERS = 1 << 22  # pixels of one side of the pairs at once: 16 MB


@dataclass(frozen=True)
class PairSimilarity:
    """Mean similarity of pairs; numbers of unlike scales are not to be compared."""

    mean: float
    scales: int

    @property
    def name(self) -> str:
        """What the number is to be called: `ms_ssim`, or `ms_ssim_3_scales`."""
        return "ms_ssim" + (
            "" if self.scales == len(WEIGHTS) else f"_{self.scales}_scales"
        )


def num_scales(height: int, width: int) -> int:
    """How many of the five scales a picture has.

    A side halves from scale to scale, and the filter of 11 pixels has to fit into the
    last one: 5 scales from 176 pixels, 4 from 88, 3 from 44, 2 from 22, 1 from 11.

    Raises:
        ValueError: a side is under 11 pixels.
    """
    side = min(height, width)
    if side < FILTER_SIZE:
        raise ValueError(
            f"expected sides of {FILTER_SIZE} pixels or more, received "
            f"{height} x {width}"
        )
    return min(len(WEIGHTS), (side // FILTER_SIZE).bit_length())


def pair_ms_ssim(pictures: np.ndarray, pairs: int, seed: int) -> PairSimilarity:
    """Mean multi-scale structural similarity of random pairs of a set.

    Odena et al. 2017 (AC-GAN, arXiv:1610.09585), Section 4.2: low where pictures are
    diverse, 1 where all are the same. It says nothing of how real they look: compare
    with that of real pictures. Small pictures have fewer scales, whose weights, the
    first ones of five, are divided by their sum. Colours are pictures of their own,
    whose similarities are averaged; the paper's code averages at each scale already.

    Args:
        pictures: float (n, height, width, channels) in [0, 1].
        pairs: of two different pictures, none twice; at most n (n - 1) / 2.
        seed: of the draw.
    Returns:
        mean in [0, 1]: a scale whose structure is opposite counts as 0.
    Raises:
        ValueError: not such pictures, under 11 pixels, or fewer pairs.
    """
    if pictures.ndim != 4 or pictures.dtype.kind != "f" or 0 in pictures.shape:
        raise ValueError(
            f"pictures: expected float (n, height, width, channels), received "
            f"{pictures.dtype} {pictures.shape}"
        )
    low, high = pictures.min(), pictures.max()
    if not (low >= 0 and high <= 1):  # nor NaN
        raise ValueError(f"pictures: expected [0, 1], received {low} to {high}")
    scales = num_scales(*pictures.shape[1:3])
    chosen = random_pairs(len(pictures), pairs, seed)
    step = max(1, _BLOCK_NUMBERS // pictures[0].size)
    found = [
        _similarities(*pictures[chosen[start : start + step].T], scales)
        for start in range(0, pairs, step)
    ]
    return PairSimilarity(float(np.mean(np.concatenate(found))), scales)


def _similarities(first, second, scales) -> np.ndarray:
    import tensorflow as tf

    weights = np.array(WEIGHTS[:scales])
    return tf.image.ssim_multiscale(
        first.astype(np.float32),
        second.astype(np.float32),
        max_val=1.0,
        power_factors=(weights / weights.sum()).tolist(),
        filter_size=FILTER_SIZE,
        filter_sigma=1.5,
        k1=0.01,
        k2=0.03,
    ).numpy()
