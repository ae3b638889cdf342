"""Second cameras of a scene, for the tasks that take two images."""

import numpy as np

from cai_keras.data.scenes.camera import Camera, angles_towards, turned
from cai_keras.data.scenes.rays import first_hits
from cai_keras.data.scenes.sampling import has_room
from cai_keras.data.scenes.scene import Scene

_STEP = (0.2, 0.7)  # metres that the camera moves
_RISE = 0.15  # metres up or down
_TURN = (8.0, 18.0)  # degrees that a free view is turned by
_ROLL = 3.0  # degrees, standard deviation
APART = 0.3  # metres at least between what two middles show, unless it is one point
# After each try the step shrinks and a free view is turned further: tries come to an
# end.
_SHRINK = 0.93


def middle_of(scene: Scene, camera: Camera) -> np.ndarray:
    """(3,) the world point on the optical axis: the middle of the image."""
    forward = camera.rotation[2]
    reach, _ = first_hits(scene, camera.position, forward[:, None])
    return camera.position + reach[0] * forward


def fixated_view(rng: np.random.Generator, scene: Scene, first: Camera) -> Camera:
    """From elsewhere, with the same scene point in the middle of the image."""
    target = middle_of(scene, first)
    for position, _ in _positions(rng, scene, first):
        roll = np.deg2rad(rng.normal(0, _ROLL))
        rotation = turned(*angles_towards(target - position), roll)
        camera = Camera(position, rotation, first.focal)
        if np.linalg.norm(middle_of(scene, camera) - target) < 1e-6:
            return camera


def free_view(rng: np.random.Generator, scene: Scene, first: Camera) -> Camera:
    """From elsewhere, turned away: another scene point is in the middle."""
    target = middle_of(scene, first)
    yaw, pitch = angles_towards(first.rotation[2])
    for position, share in _positions(rng, scene, first):
        turn = np.deg2rad(rng.uniform(*_TURN)) / share * rng.choice([-1, 1])
        tilt, roll = np.deg2rad(rng.normal(0, _ROLL, 2))
        camera = Camera(position, turned(yaw + turn, pitch + tilt, roll), first.focal)
        if np.linalg.norm(middle_of(scene, camera) - target) >= APART:
            return camera


def _positions(rng: np.random.Generator, scene: Scene, first: Camera):
    """Places about the first camera, and what share of the step is left."""
    share = 1.0
    while True:
        angle = rng.uniform(0, 2 * np.pi)
        level = rng.uniform(*_STEP) * np.array([np.cos(angle), np.sin(angle)])
        step = share * np.array([*level, rng.uniform(-_RISE, _RISE)])
        share *= _SHRINK
        if has_room(scene, first.position + step):
            yield first.position + step, share
