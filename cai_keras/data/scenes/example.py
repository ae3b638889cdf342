"""One example: a random scene with all its targets, a function of its seed alone."""

from dataclasses import dataclass

import numpy as np

from cai_keras.data.scenes import image_targets, layout, pairs
from cai_keras.data.scenes.camera import Camera, relative_pose
from cai_keras.data.scenes.rays import dot
from cai_keras.data.scenes.sampling import random_example
from cai_keras.data.scenes.scene import KINDS, Scene
from cai_keras.data.scenes.view import View, look, paint_and_light

COUNTED = 0.002  # share of the pixels from which on a solid counts


@dataclass(frozen=True)
class Settings:
    """What `render` makes.

    Attributes:
        side: of the square images, in pixels; the scene does not depend on it.
        num_solids: the least and the most solids in a room.
        tint: how far, as a share, a channel of the lights may fall below white; with 0
            shading is grey.
        with_pairs: whether there are second views and poses.
    """

    side: int = 64
    num_solids: tuple[int, int] = (2, 6)
    tint: float = 0.2
    with_pairs: bool = False

    def __post_init__(self):
        if self.side < 16:
            raise ValueError(f"side: expected 16 or more, received {self.side}")
        least, most = self.num_solids
        if not 1 <= least <= most <= 8:
            received = f"received {self.num_solids}"
            raise ValueError(
                f"num_solids: expected 1 <= least <= most <= 8, {received}"
            )
        if not 0 <= self.tint <= 1:
            raise ValueError(f"tint: expected 0 to 1, received {self.tint}")


def render(seed, settings: Settings = Settings()) -> dict[str, np.ndarray]:
    """A random scene, its image and its targets.

    Args:
        seed: whatever `numpy.random.default_rng` takes: a number, a sequence of
            numbers, a generator.
    Returns:
        name -> array, as docs/scenes.md has them: maps are (side, side, channels).
    """
    rng = np.random.default_rng(seed)
    scene, camera = random_example(rng, settings.num_solids, settings.tint)
    example = render_view(scene, camera, settings.side)
    if settings.with_pairs:
        example |= _second_views(rng, scene, camera, settings.side)
    return example


def render_view(scene: Scene, camera: Camera, side: int) -> dict[str, np.ndarray]:
    """The image and all targets of one camera; see `render`."""
    view = look(scene, camera, side)
    maps = paint_and_light(view) | _geometry(view)
    maps = {name: _as_map(values, side) for name, values in maps.items()}
    instance, depth = maps["instance"][..., 0], maps["depth"][..., 0]
    slopes = image_targets.gradients(image_targets.luma_of(maps["rgb"])[None])
    normals = np.moveaxis(maps["normal"], -1, 0)
    surfaces = view.surfaces.reshape(side, side)
    derived = {
        "occlusion_edge": image_targets.occlusion_edges(instance, depth),
        "texture_edge": image_targets.edge_strength(*slopes)[0].astype(np.float16),
        "keypoint_2d": image_targets.corner_strength(*slopes).astype(np.float16),
        "keypoint_3d": image_targets.shape_corners(normals, depth).astype(np.float16),
        "segment_2d": image_targets.colour_segments(maps["albedo"]),
        "segment_25d": image_targets.surface_segments(surfaces),
    }
    maps |= {name: values[..., None] for name, values in derived.items()}
    for name in ("shadow", "occlusion_edge"):
        maps[name] = maps[name].astype(np.uint8)
    return maps | _numbers(view)


def _geometry(view: View) -> dict[str, np.ndarray]:
    """Maps of (channels, pixels) or (pixels,), in the camera's frame."""
    table = view.scene.surfaces
    normals = view.camera.rotation @ view.normals
    cosine = -dot(normals, view.directions) / view.lengths
    return {
        "depth": view.depth.astype(np.float32),
        "distance": (view.depth * view.lengths).astype(np.float32),
        "normal": normals.astype(np.float16),
        "curvature": table.curvature[:, view.surfaces].astype(np.float16),
        "reshading": np.maximum(cosine, 0).astype(np.float16),
        "semantic": table.semantic[view.surfaces].astype(np.uint8),
        "instance": (view.surfaces // 6).astype(np.uint8),
    }


def _numbers(view: View) -> dict[str, np.ndarray]:
    """What an image has once."""
    scene, camera = view.scene, view.camera
    pixels = np.bincount(view.surfaces // 6, minlength=1 + len(scene.solids))[1:]
    kinds = np.array([KINDS.index(solid.kind) for solid in scene.solids])
    is_counted = pixels >= COUNTED * view.side**2
    return {
        "object_class": kinds[np.argmax(pixels)] if pixels.any() else np.int64(-1),
        "object_count": np.int64(is_counted.sum()),
        "object_presence": np.isin(np.arange(len(KINDS)), kinds[is_counted]),
        "vanishing_points": layout.vanishing_points(camera).astype(np.float32),
        "room_layout": layout.room_layout(camera, scene.room).astype(np.float32),
        "focal": np.float32(camera.focal * view.side),
        "ambient_light": scene.light.ambient.astype(np.float32),
        "light_colour": scene.light.colour.astype(np.float32),
        "light_position": camera.to_camera(scene.light.position[:, None])[:, 0].astype(
            np.float32
        ),
    }


def _second_views(rng, scene: Scene, camera: Camera, side: int):
    found = {}
    makers = {"fixated": pairs.fixated_view, "free": pairs.free_view}
    for name, make_view in makers.items():
        second = make_view(rng, scene, camera)
        rgb = paint_and_light(look(scene, second, side))["rgb"]
        found[f"{name}_rgb"] = _as_map(rgb, side)
        found[f"{name}_pose"] = relative_pose(camera, second).astype(np.float32)
    return found


def _as_map(values: np.ndarray, side: int) -> np.ndarray:
    """(side, side, channels) of (channels, pixels) or (pixels,)."""
    return np.ascontiguousarray(values.reshape(-1, side, side).transpose(1, 2, 0))
