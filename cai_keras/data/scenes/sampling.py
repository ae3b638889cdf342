"""Random scenes and cameras. None depends on the side of the image."""

import numpy as np

from cai_keras.data.scenes.camera import Camera, angles_towards, turned
from cai_keras.data.scenes.paints import random_room_paint, random_solid_paint
from cai_keras.data.scenes.rays import first_hits
from cai_keras.data.scenes.scene import KINDS, Light, Scene, Solid

# Metres.
_ROOM = ((3.5, 6.5), (3.5, 6.5), (2.4, 3.2))
_RADIUS = {"sphere": (0.25, 0.6), "box": (0.18, 0.45), "cylinder": (0.15, 0.4)}
_HEIGHT = (0.3, 1.5)  # of boxes and cylinders; lights are above it
_GAP = 0.1  # between solids, and to the walls
_TRIES = 20  # to find room for a solid; without any it is left out
_CAMERA_GAP, _CAMERA_HEIGHT = 0.35, (0.9, 2.0)
_AIM_DISTANCE = (1.3, 5.0)
_LIGHT_GAP, _LIGHT_HEIGHT = 0.5, (0.7, 0.92)  # the latter a share of the room's
_POWER, _AMBIENT = (0.6, 0.8), (0.1, 0.2)  # together 1 at the most
# Degrees.
_FIELD_OF_VIEW = (50.0, 75.0)
_OFF_AIM, _PITCH_LIMIT, _ROLL = 12.0, 40.0, 3.0
# A view is taken if, of 24 x 24 rays, the share of the largest solid is in between and
# so many surfaces are seen.
_CHECK_SIDE, _SHARES, _MIN_SURFACES = 24, (0.02, 0.6), 4


def random_scene(
    rng: np.random.Generator, num_solids: tuple[int, int] = (2, 6), tint: float = 0.2
) -> Scene:
    """A room with solids that neither touch nor leave it.

    Args:
        num_solids: the least and the most; fewer than the draw asked for where there is
            no room, but never less than the least.
        tint: how far, as a share, a channel of the lights may fall below white.
    """
    room = np.array([rng.uniform(*limits) for limits in _ROOM])
    solids = _random_solids(rng, room, num_solids)
    paints = [random_room_paint(rng) for _ in range(3)]
    paints += [random_solid_paint(rng, solid) for solid in solids]
    place = [
        *rng.uniform(_LIGHT_GAP, room[:2] - _LIGHT_GAP),
        rng.uniform(*_LIGHT_HEIGHT) * room[2],
    ]
    colour, ambient = 1 - tint * rng.random((2, 3))
    light = Light(
        np.array(place), rng.uniform(*_POWER) * colour, rng.uniform(*_AMBIENT) * ambient
    )
    return Scene(room, solids, tuple(paints), light)


def random_view(rng: np.random.Generator, scene: Scene) -> Camera | None:
    """A camera that looks about one of the solids, or None where the try failed."""
    focal = 0.5 / np.tan(np.deg2rad(rng.uniform(*_FIELD_OF_VIEW)) / 2)
    position = np.array(
        [
            *rng.uniform(_CAMERA_GAP, scene.room[:2] - _CAMERA_GAP),
            rng.uniform(*_CAMERA_HEIGHT),
        ]
    )
    target = scene.solids[rng.integers(len(scene.solids))].centre
    yaw, pitch = angles_towards(target - position)
    off_yaw, off_pitch = np.deg2rad(rng.uniform(-_OFF_AIM, _OFF_AIM, 2))
    roll = np.deg2rad(np.clip(rng.normal(0, _ROLL), -2 * _ROLL, 2 * _ROLL))
    limit = np.deg2rad(_PITCH_LIMIT)
    pitch = np.clip(pitch + off_pitch, -limit, limit)
    camera = Camera(position, turned(yaw + off_yaw, pitch, roll), focal)
    near, far = _AIM_DISTANCE
    is_near = near <= np.linalg.norm(target - position) <= far
    return (
        camera
        if is_near and has_room(scene, position) and _shows(scene, camera)
        else None
    )


def random_example(
    rng: np.random.Generator, num_solids: tuple[int, int] = (2, 6), tint: float = 0.2
) -> tuple[Scene, Camera]:
    """A scene and a camera that shows something of it; see `random_scene`."""
    while True:
        scene = random_scene(rng, num_solids, tint)
        for _ in range(_TRIES):
            camera = random_view(rng, scene)
            if camera is not None:
                return scene, camera


def has_room(scene: Scene, position: np.ndarray) -> bool:
    """Whether a camera may be there: clear of walls, floor, ceiling and solids."""
    inside = np.minimum(position, scene.room - position).min() >= _CAMERA_GAP
    clear = (
        np.hypot(*(position - solid.centre)[:2]) >= _reach(solid) + _CAMERA_GAP
        for solid in scene.solids
    )
    return bool(inside) and all(clear)


def _reach(solid: Solid) -> float:
    """Radius of the upright cylinder around it."""
    x, y, _ = solid.half_sizes
    return float(np.hypot(x, y) if solid.kind == "box" else x)


def _random_solids(rng, room, num_solids) -> tuple[Solid, ...]:
    least, most = num_solids
    wanted = rng.integers(least, most, endpoint=True)
    while True:
        placed: list[Solid] = []
        for _ in range(wanted * _TRIES):
            solid = _random_solid(rng, room)
            if all(_are_apart(solid, other) for other in placed):
                placed.append(solid)
            if len(placed) == wanted:
                break
        if len(placed) >= least:
            return tuple(placed)


def _random_solid(rng, room) -> Solid:
    kind = KINDS[rng.integers(len(KINDS))]
    radius = rng.uniform(*_RADIUS[kind])
    if kind == "sphere":
        half = np.full(3, radius)
    else:
        other = rng.uniform(*_RADIUS[kind]) if kind == "box" else radius
        half = np.array([radius, other, rng.uniform(*_HEIGHT) / 2])
    solid = Solid(kind, np.zeros(3), half, rng.uniform(0, np.pi / 2))
    margin = _reach(solid) + _GAP
    x, y = rng.uniform(margin, room[:2] - margin)
    return Solid(kind, np.array([x, y, half[2]]), half, solid.yaw)


def _are_apart(first: Solid, second: Solid) -> bool:
    distance = np.hypot(*(first.centre - second.centre)[:2])
    return bool(distance >= _reach(first) + _reach(second) + _GAP)


def _shows(scene: Scene, camera: Camera) -> bool:
    directions = camera.rotation.T @ camera.directions(_CHECK_SIDE)
    _, surfaces = first_hits(scene, camera.position, directions)
    pixels = np.bincount(surfaces // 6, minlength=2)[1:]
    low, high = np.array(_SHARES) * _CHECK_SIDE**2
    enough = np.count_nonzero(np.bincount(surfaces)) >= _MIN_SURFACES
    return bool(enough and low <= pixels.max() <= high)
