"""Small scenes whose depths, shadows and angles can be worked out by hand."""

import numpy as np

from cai_keras.data.scenes.camera import Camera, turned
from cai_keras.data.scenes.scene import Light, Paint, Scene, Solid

ROOM = (4.0, 5.0, 3.0)
# Looks along +y from a metre before the wall y = 0, without tilt; the front wall is 4 m
# away. At a depth of d it sees d / 2 to each side.
AHEAD = Camera(np.array([2.0, 1.0, 1.5]), turned(np.pi / 2, 0.0), 1.0)


def plain(level=0.5, gloss=0.0, exponent=1.0):
    """A paint of one grey."""
    colours = np.full((2, 3), level)
    return Paint("solid", colours, np.eye(3), np.full(3, 0.5), gloss, exponent)


def lamp(position=(2.0, 2.0, 2.5), colour=0.8, ambient=0.2):
    return Light(np.array(position), np.full(3, colour), np.full(3, ambient))


def scene_of(*solids, room=ROOM, light=None, paints=None):
    paints = paints or (plain(),) * (3 + len(solids))
    return Scene(np.array(room), solids, paints, light or lamp())


def sphere(centre, radius):
    return Solid("sphere", np.array(centre), np.full(3, radius))


def box(centre, half_sizes, yaw=0.0):
    return Solid("box", np.array(centre), np.array(half_sizes), yaw)


def cylinder(centre, radius, half_height):
    return Solid("cylinder", np.array(centre), np.array([radius, radius, half_height]))


def is_inside(solid, points):
    """bool (points,): whether points (3, points) are in a solid; no ray is cast."""
    offset = points - solid.centre[:, None]
    if solid.kind == "sphere":
        return np.linalg.norm(offset, axis=0) < solid.half_sizes[0]
    cosine, sine = np.cos(solid.yaw), np.sin(solid.yaw)
    back = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    x, y, z = np.abs(back @ offset)
    within = z < solid.half_sizes[2]
    if solid.kind == "cylinder":
        return within & (np.hypot(x, y) < solid.half_sizes[0])
    return within & (x < solid.half_sizes[0]) & (y < solid.half_sizes[1])
