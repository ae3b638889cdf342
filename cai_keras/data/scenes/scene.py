"""What a scene is made of: a room, solids on its floor, their paints, a light.

Lengths are metres. World axes: x and y along the floor, z up; one corner of the room is
the origin. Arrays of points have the components first, (3, points).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

KINDS = ("sphere", "box", "cylinder")
SEMANTICS = ("floor", "ceiling", "wall", *KINDS)
# Every instance, the room being number 0, has six numbers for its surfaces: instance *
# 6 + face. The faces of the room and of boxes look along these axes (of a box: its
# own). A sphere has face 0 alone, an upright cylinder 0 (its side), 4 and 5 (its caps).
FACES = ("-x", "+x", "-y", "+y", "-z", "+z")
_ROOM_SEMANTICS = (2, 2, 2, 2, 0, 1)
# Of a scene's paints, which those of the room's faces are; those of solids follow.
FLOOR_PAINT, CEILING_PAINT, WALL_PAINT = range(3)
_ROOM_PAINTS = (WALL_PAINT,) * 4 + (FLOOR_PAINT, CEILING_PAINT)


@dataclass(frozen=True)
class Solid:
    """A sphere, a box or an upright cylinder.

    Attributes:
        kind: one of KINDS.
        centre: (3,).
        half_sizes: (3,) along its own axes; of a sphere three times its radius, of a
            cylinder its radius twice and half its height.
        yaw: radians that a box is turned by about the vertical.
    """

    kind: str
    centre: np.ndarray
    half_sizes: np.ndarray
    yaw: float = 0.0


@dataclass(frozen=True)
class Paint:
    """An albedo at every point of space, and a gloss.

    The point p is looked up at q = matrix p + phase:
        solid    mix = 0
        checker  mix = (floor(q0) + floor(q1) + floor(q2)) mod 2
        stripes  mix = floor(q0) mod 2
        noise    mix = (1 + sin(2 pi q0 + 2 sin(2 pi q1) + 2 sin(2 pi q2))) / 2
        albedo = (1 - mix) colours[0] + mix colours[1], rounded to 8 bits

    Attributes:
        pattern: solid, checker, stripes or noise.
        colours: (2, 3) in [0, 1], linear.
        matrix, phase: (3, 3) periods a metre, and (3,).
        gloss, exponent: of the highlight (Phong 1975); most paints have gloss 0.
    """

    pattern: str
    colours: np.ndarray
    matrix: np.ndarray
    phase: np.ndarray
    gloss: float = 0.0
    exponent: float = 1.0


@dataclass(frozen=True)
class Light:
    """A point light, and light that comes from everywhere alike.

    Attributes:
        position: (3,).
        colour: (3,) what a surface that faces the light would get beside it; at the
            distance d it gets 1 / (1 + (d / 4 m)^2) of that.
        ambient: (3,).
    """

    position: np.ndarray
    colour: np.ndarray
    ambient: np.ndarray


@dataclass(frozen=True)
class Surfaces:
    """Tables over the numbers of surfaces, which are the last axis.

    The normal at the point p of surface s is flat[s] + bend[s] * (p - centre[s]).

    Attributes:
        flat, bend, centre: (3, surfaces).
        curvature: (2, surfaces) principal curvatures, 1 / metre, the larger one first.
        semantic, paint: (surfaces,) indices of SEMANTICS and of the scene's paints.
    """

    flat: np.ndarray
    bend: np.ndarray
    centre: np.ndarray
    curvature: np.ndarray
    semantic: np.ndarray
    paint: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A room seen from inside.

    Attributes:
        room: (3,) its sizes.
        solids: instance 1 first.
        paints: of floor, ceiling, walls, then of each solid.
    """

    room: np.ndarray
    solids: tuple[Solid, ...]
    paints: tuple[Paint, ...]
    light: Light

    @cached_property
    def surfaces(self) -> Surfaces:
        count = 6 * (1 + len(self.solids))
        flat, bend, centre = np.zeros((3, 3, count))
        curvature = np.zeros((2, count))
        semantic, paint = np.zeros((2, count), np.int64)
        # Walls look inwards.
        flat[:, :6] = -_face_normals(0.0)
        semantic[:6], paint[:6] = _ROOM_SEMANTICS, _ROOM_PAINTS
        for number, solid in enumerate(self.solids):
            own = slice(6 * (number + 1), 6 * (number + 2))
            flat[:, own] = _face_normals(solid.yaw)
            centre[:, own] = solid.centre[:, None]
            semantic[own] = SEMANTICS.index(solid.kind)
            paint[own] = WALL_PAINT + 1 + number
            if solid.kind != "box":
                # The face 0 of spheres and cylinders is round.
                inverse = 1 / solid.half_sizes[0]
                is_sphere = solid.kind == "sphere"
                flat[:, own.start] = 0
                bend[:, own.start] = inverse, inverse, inverse * is_sphere
                curvature[:, own.start] = inverse, inverse * is_sphere
        return Surfaces(flat, bend, centre, curvature, semantic, paint)


def _face_normals(yaw: float) -> np.ndarray:
    """(3, 6): where the faces of a box look that is turned by `yaw`."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    axes = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return np.stack([-axes, axes], axis=2).reshape(3, 6)
