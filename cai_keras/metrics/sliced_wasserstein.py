"""Sliced Wasserstein distance (SWD) between the patches of pictures, scale by scale.

Karras et al. 2018, "Progressive Growing of GANs" (arXiv:1710.10196), Section 5. Two
sets of pictures are alike if their small patches are, at every scale. A Laplacian
pyramid separates the scales; clouds of patches are compared along random lines.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator, SeedSequence, default_rng
from scipy import ndimage

_FILTER = np.array([1, 4, 6, 4, 1]) / 16
_PATCH_SIZE = 7
LEAST_SIDE = 16  # pixels of the coarsest level of `set_swd`
_DIRECTIONS, _REPEATS = 128, 4
_CHUNK = 64  # pictures whose pyramids are in memory at once


def laplacian_pyramid(pictures: np.ndarray, levels: int) -> list[np.ndarray]:
    """What each scale adds to the next coarser one, and the coarsest pictures.

    As in the authors' code: a level is blurred with [1, 4, 6, 4, 1] / 16 along rows and
    columns, mirrored about its outermost pixels; every other pixel is the next level.
    That one is enlarged with zeros in between and twice the same filter, and taken
    away. Enlarging and adding, from the last level on, gives the pictures back.

    Args:
        pictures: float (n, height, width, channels), any unit; not changed.
        levels: how many, from 1: the pictures themselves.
    Returns:
        arrays of the pictures' type and unit, finest first; odd sides halve upwards.
    Raises:
        ValueError: `pictures` are not such an array, or too small.
    """
    if pictures.ndim != 4 or pictures.dtype.kind != "f":
        received = f"{pictures.dtype} {pictures.shape}"
        raise ValueError(f"pictures: expected float, 4 axes, received {received}")
    most = 1 + max(0, min(pictures.shape[1:3]) - 1).bit_length()  # the last side is 1
    if not 1 <= levels <= most:
        raise ValueError(f"levels: expected from 1 to {most}, received {levels}")
    pyramid = [pictures]
    for _ in range(levels - 1):
        finer = pyramid[-1]
        coarser = _blurred(finer, _FILTER)[:, ::2, ::2]
        enlarged = np.zeros_like(finer)
        enlarged[:, ::2, ::2] = coarser
        pyramid[-1] = finer - _blurred(enlarged, 2 * _FILTER)
        pyramid.append(coarser)
    return pyramid


def random_patches(
    level_pictures: np.ndarray, size: int, count_per_picture: int, rng: Generator
) -> np.ndarray:
    """Square patches at random places, with repetition, none over the border.

    Args:
        level_pictures: (n, height, width, channels).
        size: of a patch's side, in pixels.
        count_per_picture: patches of each picture.
    Returns:
        (n * count_per_picture, size, size, channels), picture after picture.
    Raises:
        ValueError: the pictures are smaller than a patch.
    """
    n, height, width, _ = level_pictures.shape
    if min(height, width) < size:
        raise ValueError(
            f"level_pictures: expected at least {size} x {size} pixels, received "
            f"{height} x {width}"
        )
    windows = sliding_window_view(level_pictures, (size, size), axis=(1, 2))
    of_picture = np.repeat(np.arange(n), count_per_picture)
    rows = rng.integers(height - size + 1, size=len(of_picture))
    columns = rng.integers(width - size + 1, size=len(of_picture))
    return np.moveaxis(windows[of_picture, rows, columns], 1, -1)


def normalised(patches: np.ndarray) -> np.ndarray:
    """Each channel with mean 0 and standard deviation 1 over all patches and pixels.

    Args:
        patches: float (n, size, size, channels).
    Returns:
        the same shape and type; a channel that is constant is zero.
    """
    axes = (0, 1, 2)
    is_constant = patches.max(axes) == patches.min(axes)
    # Of hundreds of millions of numbers, single precision loses the mean.
    mean = patches.mean(axes, dtype=np.float64)
    centred = patches - mean.astype(patches.dtype)
    deviation = np.sqrt(np.mean(np.square(centred), axes, dtype=np.float64))
    scale = np.zeros_like(deviation)
    np.divide(1, deviation, out=scale, where=~is_constant & (deviation != 0))
    return centred * scale.astype(patches.dtype)


def sliced_wasserstein(
    a: np.ndarray, b: np.ndarray, directions: int, repeats: int, rng: Generator
) -> float:
    """Wasserstein-1 distance of two sets of points on a line, mean over random lines.

    On a line it is the area between the two quantile functions. For sets of one size
    this is the mean absolute difference of the sorted points, as in the paper; else
    the steps of both functions are merged: exact too, nothing is interpolated.

    Args:
        a: float (n, d), b: float (m, d); the points of a set weigh the same.
        directions: lines drawn at once, uniform on the unit sphere.
        repeats: how often; to use less memory than all lines at once.
    Returns:
        float >= 0 in the points' unit; 0 for equal sets. A set and the same set moved
        by a vector have about the vector's length times sqrt(2 / (pi d)).
    Raises:
        ValueError: a set is empty, or the points differ in dimension.
    """
    shapes = a.shape + b.shape
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or 0 in shapes:
        raise ValueError(
            f"expected points (n, d) and (m, d), received {a.shape} and {b.shape}"
        )
    n, m = len(a), len(b)
    # In units of 1 / (n m) both functions step at whole numbers.
    steps = np.union1d(np.arange(n) * m, np.arange(m) * n)
    weights = np.diff(steps, append=n * m) / (n * m)
    of_a, of_b = steps // m, steps // n
    distances = []
    for _ in range(repeats):
        lines = rng.standard_normal((directions, a.shape[1]))
        lines /= np.linalg.norm(lines, axis=1, keepdims=True)
        lines = lines.astype(np.result_type(a, b, np.float32))
        for on_a, on_b in zip(lines @ a.T, lines @ b.T, strict=True):
            on_a.sort()
            on_b.sort()
            distances.append(np.abs(on_a[of_a] - on_b[of_b]) @ weights)
    return float(np.mean(distances))


def picture_swd(
    first: np.ndarray,
    second: np.ndarray,
    levels: int,
    *,
    normalise: bool = False,
    num_patches: int = 4096,
    seed: int = 0,
) -> dict[str, float]:
    """How much the patches of two pictures differ at each scale, without a network.

    Scales are in pixels: of pictures of two sizes, bring the subjects to one scale
    first. The coarsest level holds the colours and, unless normalised, most of the
    mean. Of two samples of patches a distance is left that falls with
    1 / sqrt(num_patches): compare numbers of one `num_patches` only.

    Args:
        first, second: float (height, width, 3) in [0, 1], of any two sizes.
        levels: of the pyramid, from 1; the last one has 7 x 7 pixels or more.
        normalise: compare structure only, as in the paper: each colour of each level
            and picture gets mean 0 and deviation 1. Off, because colour and contrast
            are part of a style.
        num_patches: 7 x 7 patches of each level; pictures of one size share places.
        seed: of places and directions; the same seed gives the same numbers.
    Returns:
        `level_0` (finest), `level_1` ... and their `mean`, each >= 0, in units of pixel
        values (a picture that is c brighter: about 0.8 c at the last level, 0 before),
        or normalised of standard deviations; 0 for equal pictures.
    Raises:
        ValueError: a picture is not as above, or too small for `levels`.
    """
    least = (_PATCH_SIZE - 1) * 2 ** (levels - 1) + 1  # sides halve upwards
    for name, picture in (("first", first), ("second", second)):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype.kind != "f":
            raise ValueError(
                f"{name}: expected float (height, width, 3), received "
                f"{picture.dtype} {picture.shape}"
            )
        if min(picture.shape[:2]) < least:
            raise ValueError(
                f"{name}: expected sides of {least} pixels or more for {levels} levels,"
                f" received {picture.shape}"
            )
        low, high = picture.min(), picture.max()
        if not (low >= 0 and high <= 1):  # nor NaN
            raise ValueError(f"{name}: expected [0, 1], received {low} to {high}")
    names = [f"level_{level}" for level in range(levels)]
    return _swd(first[None], second[None], names, num_patches, normalise, seed)


def set_swd(first: np.ndarray, second: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The distance of the paper's tables between two sets of pictures, times 1000.

    128 patches of 7 x 7 pixels of each picture and level, normalised per set, level
    and channel; 4 * 128 directions. The paper has 16384 pictures in each set; fewer
    give larger numbers. The authors' code draws the second set's places anew; here
    both sets have the same ones, so that a set and itself have distance 0.

    Args:
        first, second: real (n, height, width, channels) and (m, height, width,
            channels) in one unit. 75 kB of memory a colour picture and level.
        seed: of places and directions.
    Returns:
        a distance for each level, named by its shorter side in pixels, from the full
        one to the last of 16 or more ("64", "32", "16"), and their "mean"; in 1e-3
        standard deviations.
    Raises:
        ValueError: a set is empty, sizes differ or a side is under 16 pixels.
    """
    size = first.shape[1:]
    if first.ndim != 4 or size != second.shape[1:] or 0 in first.shape + second.shape:
        raise ValueError(
            "expected two sets (n, height, width, channels) of one size, "
            f"received {first.shape} and {second.shape}"
        )
    if min(size[:2]) < LEAST_SIDE:
        raise ValueError(
            f"expected sides of {LEAST_SIDE} pixels or more, received {size}"
        )
    sides = [min(size[:2])]
    while (half := (sides[-1] + 1) // 2) >= LEAST_SIDE:
        sides.append(half)
    found = _swd(first, second, [str(side) for side in sides], 128, True, seed)
    return {name: 1e3 * distance for name, distance in found.items()}


def _blurred(pictures, weights):
    rows = ndimage.correlate1d(pictures, weights, axis=1, mode="mirror")
    return ndimage.correlate1d(rows, weights, axis=2, mode="mirror")


def _swd(first, second, names, count, normalise, seed) -> dict[str, float]:
    places, lines = SeedSequence(seed).spawn(2)
    # One stream of places for each, so that neither order nor equal pictures matter.
    clouds = [
        _level_patches(pictures, len(names), count, default_rng(places))
        for pictures in (first, second)
    ]
    rng, found = default_rng(lines), {}
    for name, *pair in zip(names, *clouds, strict=True):
        patches = [normalised(cloud) if normalise else cloud for cloud in pair]
        a, b = (cloud.reshape(len(cloud), -1) for cloud in patches)
        found[name] = sliced_wasserstein(a, b, _DIRECTIONS, _REPEATS, rng)
    return {**found, "mean": float(np.mean(list(found.values())))}


def _level_patches(pictures, levels, count, rng) -> list[np.ndarray]:
    found = [[] for _ in range(levels)]
    for start in range(0, len(pictures), _CHUNK):
        chunk = np.asarray(pictures[start : start + _CHUNK], np.float32)
        for patches, level in zip(found, laplacian_pyramid(chunk, levels), strict=True):
            patches.append(random_patches(level, _PATCH_SIZE, count, rng))
    return [np.concatenate(patches) for patches in found]
