"""Targets that are worked out from finished maps: edges, key points, segments."""

import numpy as np
from scipy import ndimage
from skimage.measure import label

OCCLUSION_JUMP = 0.1  # metres
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_COLOUR_STEP = 32  # levels of 255


def _gaussian(sigma: float, radius: int) -> np.ndarray:
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


# In pixels, up to 4 standard deviations; correlated with, not convolved.
_SMOOTH, _WINDOW = _gaussian(1.0, 4), _gaussian(1.5, 6)
_SLOPE = np.arange(-4, 5) * _SMOOTH
_SLOPE /= (np.arange(-4, 5) * _SLOPE).sum()  # 1 on a ramp of 1 a pixel


def luma_of(rgb: np.ndarray) -> np.ndarray:
    """float32 (height, width) in [0, 1] of uint8 sRGB (height, width, 3)."""
    return rgb @ _LUMA / np.float32(255)


def gradients(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Along rows and columns, by Gaussian derivatives of 1 pixel: units a pixel.

    Args:
        maps: (..., height, width); beyond the border the last pixels are repeated.
    """
    down = _filtered(maps, _SLOPE, _SMOOTH)
    return down, _filtered(maps, _SMOOTH, _SLOPE)


def _filtered(maps, along_columns, along_rows):
    once = ndimage.correlate1d(maps, along_columns, axis=-2, mode="nearest")
    return ndimage.correlate1d(once, along_rows, axis=-1, mode="nearest")


def edge_strength(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Length of the gradient: Canny's edges (1986) before thinning."""
    return np.hypot(down, right)


def corner_strength(down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Root of the structure tensor's smaller eigenvalue (Shi, Tomasi 1994).

    The tensor is summed over channels and averaged by a Gaussian of 1.5 pixels. 0 where
    the gradient is 0 or has one direction; in the units of the gradient.

    Args:
        down, right: (channels, height, width).
    """
    products = np.stack([down * down, right * right, down * right]).sum(axis=1)
    windowed = _filtered(products, _WINDOW, _WINDOW)
    half_sum = (windowed[0] + windowed[1]) / 2
    half_difference = (windowed[0] - windowed[1]) / 2
    smaller = half_sum - np.hypot(half_difference, windowed[2])
    return np.sqrt(np.maximum(smaller, 0))


def shape_corners(normals: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Corner strength of the shape: of the normals' three channels and log depth.

    High where the surface bends in two directions: corners of boxes and of the room,
    small spheres, ends of occluding edges; 0 on planes, whatever is painted on them,
    and next to 0 along straight edges.

    Args:
        normals: (3, height, width).
        depth: (height, width) in metres.
    """
    channels = np.concatenate([normals, np.log(depth)[None]]).astype(np.float32)
    return corner_strength(*gradients(channels))


def occlusion_edges(instance: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """bool (height, width): pixels of a solid that hides what is next to them.

    A pixel is one if it shows a solid, and one of its 4 neighbours shows another
    instance that is more than 0.1 m deeper. The line a solid stands on is none.

    Args:
        instance: (height, width), 0 for the room, which is convex and hides nothing.
        depth: in metres.
    """
    edges = np.zeros(instance.shape, bool)
    for axis in (0, 1):
        first, second = _neighbours(axis)
        differs = instance[first] != instance[second]
        jump = depth[second] - depth[first]
        edges[first] |= differs & (jump > OCCLUSION_JUMP)
        edges[second] |= differs & (-jump > OCCLUSION_JUMP)
    return edges & (instance > 0)


def _neighbours(axis: int):
    before, after = [slice(None)] * 2, [slice(None)] * 2
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return tuple(before), tuple(after)


def colour_segments(albedo: np.ndarray) -> np.ndarray:
    """uint16 (height, width): 4-connected regions of one albedo, from 0.

    Albedos are one where their channels, in steps of 32 levels of 255, are.

    Args:
        albedo: uint8 (height, width, 3).
    """
    steps = albedo.astype(np.int32) // _COLOUR_STEP
    colours = steps[..., 0] * 64 + steps[..., 1] * 8 + steps[..., 2]
    return (label(colours, background=-1, connectivity=1) - 1).astype(np.uint16)


def surface_segments(surfaces: np.ndarray) -> np.ndarray:
    """uint8 like `surfaces`: the visible surfaces, numbered from 0 in their order."""
    is_seen = np.bincount(surfaces.ravel()) > 0
    return (np.cumsum(is_seen) - 1)[surfaces].astype(np.uint8)
