"""A scene seen by a camera: geometry and light of every pixel."""

from dataclasses import dataclass

import numpy as np

from cai_keras.data.scenes.camera import Camera
from cai_keras.data.scenes.light import albedo_at, light_up, to_srgb
from cai_keras.data.scenes.rays import dot, first_hits
from cai_keras.data.scenes.scene import Scene


@dataclass(frozen=True)
class View:
    """Geometry of side x side pixels, row by row, in float64.

    Attributes:
        directions: (3, pixels) in the camera's frame, with z = 1.
        depth: (pixels,) along the camera's z axis, in metres.
        points, normals: (3, pixels) in the world.
        surfaces: (pixels,) their numbers.
    """

    scene: Scene
    camera: Camera
    side: int
    directions: np.ndarray
    depth: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    surfaces: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """(pixels,) of the directions: distance over depth, the 1 / cos of the ray."""
        return np.sqrt(dot(self.directions, self.directions))


def look(scene: Scene, camera: Camera, side: int) -> View:
    """Casts one ray through the middle of each pixel."""
    directions = camera.directions(side)
    in_world = camera.rotation.T @ directions
    depth, surfaces = first_hits(scene, camera.position, in_world)
    points = camera.position[:, None] + depth * in_world
    table = scene.surfaces
    offsets = points - table.centre[:, surfaces]
    normals = table.flat[:, surfaces] + table.bend[:, surfaces] * offsets
    return View(scene, camera, side, directions, depth, points, normals, surfaces)


def paint_and_light(view: View) -> dict[str, np.ndarray]:
    """albedo, shadow, direct, shading, specular and rgb, each (channels, pixels).

    albedo is uint8 and the light float16 before they are multiplied; so what is stored
    gives the image again, to the last bit: see `compose`.
    """
    albedo = albedo_at(view.scene, view.points, view.surfaces)
    to_camera = -(view.camera.rotation.T @ view.directions) / view.lengths
    maps = light_up(view.scene, view.points, view.normals, view.surfaces, to_camera)
    linear = compose(albedo, maps["shading"], maps["specular"])
    return {**maps, "albedo": albedo, "rgb": to_srgb(linear)}


def compose(albedo, shading, specular) -> np.ndarray:
    """Linear light in [0, 1], float32: albedo / 255 * shading + specular.

    Args:
        albedo: uint8.
        shading, specular: float16, of the same shape.
    """
    painted = np.asarray(albedo, np.float32) / np.float32(255)
    return painted * np.asarray(shading, np.float32) + np.asarray(specular, np.float32)
