"""Where rays meet a scene, all pixels and all solids of a kind at a time.

Every solid is convex: a ray is in it from the last entry to the first exit of the slabs
and round bodies that it is the intersection of.
"""

import numpy as np

from cai_keras.data.scenes.scene import KINDS, Scene, Solid

_SLACK = 1e-9  # share of a shadow ray's length that does not count


def dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(points,) inner products of (3, points)."""
    return np.einsum("ip,ip->p", first, second)


def first_hits(
    scene: Scene, origin: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What rays from a point inside the room see.

    Args:
        origin: (3,), in no solid.
        directions: (3, rays), of any length.
    Returns:
        (rays,) how many times the direction leads to the surface, and its number.
    """
    reach, surface = _leave_room(scene.room, origin, directions)
    if not scene.solids:
        return reach, surface
    entry, leave = _spans(scene.solids, origin[:, None], directions)
    entry[(entry >= leave) | (entry <= 0)] = np.inf
    nearest = np.argmin(entry, axis=0)
    distance = np.take_along_axis(entry, nearest[None], axis=0)[0]
    hits = np.flatnonzero(distance < reach)
    reach[hits] = distance[hits]
    surface[hits] = _faces(scene.solids, nearest[hits], origin, directions[:, hits])
    return reach, surface


def is_blocked(scene: Scene, points: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Whether a solid is between a point and the point plus its offset.

    A point on a solid is blocked by it where the offset leads into it.

    Args:
        points, offsets: (3, points).
    Returns:
        bool (points,).
    """
    if not scene.solids:
        return np.zeros(points.shape[1], bool)
    entry, leave = _spans(scene.solids, points, offsets)
    within = (entry < leave) & (leave > _SLACK) & (entry < 1 - _SLACK)
    return within.any(axis=0)


def _leave_room(room, origin, directions):
    ahead = directions > 0
    with np.errstate(divide="ignore"):
        reach = (np.where(ahead, room[:, None], 0.0) - origin[:, None]) / directions
    reach[directions == 0] = np.inf
    axis = np.argmin(reach, axis=0)[None]
    surface = 2 * axis + np.take_along_axis(ahead, axis, axis=0)
    return np.take_along_axis(reach, axis, axis=0)[0], surface[0]


def _faces(solids: tuple[Solid, ...], which, origin, directions):
    """(rays,) the surfaces through which each ray enters the solid that it hits."""
    centres = np.stack([solid.centre for solid in solids], axis=1)[:, which]
    halves = np.stack([solid.half_sizes for solid in solids], axis=1)[:, which]
    yaws = np.array([solid.yaw for solid in solids])[which]
    kinds = np.array([KINDS.index(solid.kind) for solid in solids])[which]
    offsets = np.stack(_turn(yaws, *(origin[:, None] - centres)))
    turned = np.stack(_turn(yaws, *directions))
    entry, _ = _slab_spans(offsets, turned, halves)
    # Through the slab that is entered last, from the side the ray comes from.
    axis = np.argmax(entry, axis=0)[None]
    box_face = 2 * axis[0] + ~(np.take_along_axis(turned, axis, axis=0)[0] > 0)
    around, _ = _round_spans(offsets[:2], turned[:2], halves[0])
    is_side = around >= entry[2]
    cylinder_face = np.where(is_side, 0, np.where(directions[2] > 0, 4, 5))
    face = np.choose(kinds, [0, box_face, cylinder_face])
    return 6 * (which + 1) + face


def _spans(solids: tuple[Solid, ...], origins, directions):
    """Entry and exit, each (solids, rays); where entry >= exit is a miss."""
    entry, leave = np.empty((2, len(solids), directions.shape[1]))
    for kind, spans_of in _SPANS.items():
        chosen = [number for number, solid in enumerate(solids) if solid.kind == kind]
        if chosen:
            centres = np.stack([solids[n].centre for n in chosen], axis=1)
            halves = np.stack([solids[n].half_sizes for n in chosen], axis=1)[..., None]
            offsets = origins[:, None] - centres[..., None]
            yaws = np.array([[solids[n].yaw] for n in chosen])
            entry[chosen], leave[chosen] = spans_of(offsets, directions, halves, yaws)
    return entry, leave


def _sphere_spans(offsets, directions, halves, yaws):
    return _round_spans(offsets, directions, halves[0])


def _cylinder_spans(offsets, directions, halves, yaws):
    around = _round_spans(offsets[:2], directions[:2], halves[0])
    return _both(around, _slab_spans(offsets[2], directions[2], halves[2]))


def _box_spans(offsets, directions, halves, yaws):
    offsets, directions = _turn(yaws, *offsets), _turn(yaws, *directions)
    spans = _slab_spans(offsets[0], directions[0], halves[0])
    for axis in (1, 2):
        spans = _both(spans, _slab_spans(offsets[axis], directions[axis], halves[axis]))
    return spans


# Offsets are (axes, solids, rays or 1), directions (axes, rays), half sizes (3, solids,
# 1), yaws (solids, 1).
_SPANS = {"sphere": _sphere_spans, "box": _box_spans, "cylinder": _cylinder_spans}


def _turn(yaws, x, y, z):
    """Of world axes, those of solids that are turned by `yaws`."""
    cosine, sine = np.cos(yaws), np.sin(yaws)
    return cosine * x + sine * y, cosine * y - sine * x, z


def _both(first, second):
    return np.maximum(first[0], second[0]), np.minimum(first[1], second[1])


def _slab_spans(offsets, directions, halves):
    """Of |offset + t direction| <= half."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / directions
        middle, reach = -offsets * inverse, np.abs(halves * inverse)
        low, high = middle - reach, middle + reach
    along = directions == 0  # inside all the way, or never
    if along.any():
        inside = np.abs(offsets) <= halves
        low = np.where(along, np.where(inside, -np.inf, np.inf), low)
        high = np.where(along, np.where(inside, np.inf, -np.inf), high)
    return low, high


def _round_spans(offsets, directions, radius):
    """Of |offset + t direction| <= radius: a quadratic equation."""
    # A ray along a cylinder's axis is given a length that is not 0.
    a = np.maximum(sum(d * d for d in directions), 1e-300)
    b = sum(o * d for o, d in zip(offsets, directions, strict=True))
    c = sum(o * o for o in offsets) - radius**2
    discriminant = b * b - a * c
    # Of a miss, entry and exit are one.
    root = np.sqrt(np.maximum(discriminant, 0))
    inverse = 1 / a
    return (-b - root) * inverse, (root - b) * inverse
