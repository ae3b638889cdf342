"""Perspective cameras without distortion.

Camera axes: x to the right, y down, z forward. The pixel in row r and column c of an
image of `side` x `side` has its middle at (c + 0.5, r + 0.5), and shows the directions
    x = (c + 0.5 - side / 2) / f,  y = (r + 0.5 - side / 2) / f,  z = 1
where f is the focal length in pixels. So depth along such a ray is z.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Camera:
    """Where it is, how it is turned, how wide it sees.

    Attributes:
        position: (3,) in the world.
        rotation: (3, 3) from world to camera; its rows are the camera's axes.
        focal: focal length over the image's side.
    """

    position: np.ndarray
    rotation: np.ndarray
    focal: float

    def directions(self, side: int) -> np.ndarray:
        """(3, side * side) in the camera's frame with z = 1, row by row."""
        steps = (np.arange(side) + 0.5 - side / 2) / (self.focal * side)
        y, x = np.repeat(steps, side), np.tile(steps, side)
        return np.stack([x, y, np.ones_like(x)])

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (3, points) in the camera's frame."""
        return self.rotation @ (points - self.position[:, None])

    def project(self, points: np.ndarray, side: int) -> np.ndarray:
        """Columns and rows (2, points) in pixels of points in the camera's frame."""
        return self.focal * side * points[:2] / points[2] + side / 2


def turned(yaw: float, pitch: float, roll: float = 0.0) -> np.ndarray:
    """The rotation of a camera.

    Args:
        yaw: radians of the horizontal direction it looks in, from world x to y.
        pitch: radians that it looks up.
        roll: radians that its right axis is turned towards down.
    """
    (x, y), (level, rise) = ((np.cos(angle), np.sin(angle)) for angle in (yaw, pitch))
    forward = np.array([x * level, y * level, rise])
    right, down = np.array([y, -x, 0.0]), np.array([x * rise, y * rise, -level])
    cosine, sine = np.cos(roll), np.sin(roll)
    return np.stack(
        [cosine * right + sine * down, cosine * down - sine * right, forward]
    )


def angles_towards(offset: np.ndarray) -> tuple[float, float]:
    """Yaw and pitch of a camera that looks along `offset` (3,)."""
    level = np.hypot(offset[0], offset[1])
    return float(np.arctan2(offset[1], offset[0])), float(np.arctan2(offset[2], level))


def relative_pose(first: Camera, second: Camera) -> np.ndarray:
    """(6,): r, t such that a point X of the first frame is R(r) X + t in the second.

    r is a rotation vector (axis times radians), t is in metres.
    """
    rotation = second.rotation @ first.rotation.T
    translation = second.rotation @ (first.position - second.position)
    return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), translation])


def apply_pose(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (3, points) of the first camera's frame in the second's."""
    rotation = Rotation.from_rotvec(pose[:3]).as_matrix()
    return rotation @ points + np.asarray(pose[3:])[:, None]
