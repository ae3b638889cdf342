"""From a scene's paints and light to what a camera sees of it.

    image = albedo * shading + specular                       (linear light, exactly)
    shading = ambient + (1 - shadow) * direct * light colour  (to 11 bits: float16)
    direct = max(0, n.l) / (1 + (d / 4 m)^2)
    specular = (1 - shadow) * gloss * max(0, r.v)^exponent
               / (1 + (d / 4 m)^2) * light colour

n is the normal, l the direction to the light, d its distance, v the direction to the
camera, r = 2 (n.l) n - l. Lambert's law, and Phong's highlight (1975).
"""

import numpy as np

from cai_keras.data.scenes.rays import dot, is_blocked
from cai_keras.data.scenes.scene import Scene

FALLOFF = 4.0  # metres
PATTERNS = ("solid", "checker", "stripes", "noise")


def albedo_at(scene: Scene, points: np.ndarray, surfaces: np.ndarray) -> np.ndarray:
    """uint8 (3, points): the albedo times 255 where surfaces have these points.

    Args:
        points: (3, points) in the world.
        surfaces: (points,) their numbers.
    """
    paint = scene.surfaces.paint[surfaces]
    table = scene.paints
    pattern = np.array([PATTERNS.index(p.pattern) for p in table])[paint]
    mix = np.zeros(len(paint))
    patterned = np.flatnonzero(pattern)
    matrices = np.stack([p.matrix for p in table], axis=2)
    phases = np.stack([p.phase for p in table], axis=1)
    if len(patterned):
        own = paint[patterned]
        place = np.einsum("ijp,jp->ip", matrices[:, :, own], points[:, patterned])
        mix[patterned] = _mix(pattern[patterned], place + phases[:, own])
    colours = np.stack([p.colours for p in table], axis=2)
    ground, figure = colours[0][:, paint], colours[1][:, paint]
    return np.round(255 * (ground + mix * (figure - ground))).astype(np.uint8)


def _mix(pattern: np.ndarray, place: np.ndarray) -> np.ndarray:
    cells = np.floor(place)
    parity = np.where(pattern == 1, cells.sum(axis=0), cells[0]) % 2
    noisy = np.flatnonzero(pattern == 3)
    if len(noisy):
        turns = 2 * np.pi * place[:, noisy]
        bent = turns[0] + 2 * (np.sin(turns[1]) + np.sin(turns[2]))
        parity[noisy] = (1 + np.sin(bent)) / 2
    return parity


def light_up(
    scene: Scene,
    points: np.ndarray,
    normals: np.ndarray,
    surfaces: np.ndarray,
    to_camera: np.ndarray,
) -> dict[str, np.ndarray]:
    """What the light does to each point, but for the paint's colour.

    Args:
        points, normals: (3, points) in the world.
        surfaces: (points,) their numbers.
        to_camera: (3, points) unit vectors in the world.
    Returns:
        shadow: bool (points,), the light does not get here.
        direct: float16 (points,), shadows left aside.
        shading, specular: float16 (3, points).
    """
    light = scene.light
    to_light = light.position[:, None] - points
    squared = dot(to_light, to_light)
    cosine = dot(normals, to_light) / np.sqrt(squared)
    shadow = cosine <= 0
    facing = np.flatnonzero(~shadow)
    shadow[facing] = is_blocked(scene, points[:, facing], to_light[:, facing])
    falloff = 1 / (1 + squared / FALLOFF**2)
    direct = (np.maximum(cosine, 0) * falloff).astype(np.float16)
    colour = light.colour[:, None]
    shading = light.ambient[:, None] + colour * (direct * ~shadow)
    specular = np.zeros((3, len(shadow)), np.float16)
    gloss = np.array([paint.gloss for paint in scene.paints])
    exponent = np.array([paint.exponent for paint in scene.paints])
    paint = scene.surfaces.paint[surfaces]
    shiny = np.flatnonzero(~shadow & (gloss[paint] > 0))
    if len(shiny):
        n, v, own = normals[:, shiny], to_camera[:, shiny], paint[shiny]
        l_unit = to_light[:, shiny] / np.sqrt(squared[shiny])
        mirrored = 2 * cosine[shiny] * n - l_unit
        lobe = np.maximum(dot(mirrored, v), 0) ** exponent[own]
        specular[:, shiny] = colour * (gloss[own] * lobe * falloff[shiny])
    return {
        "shadow": shadow,
        "direct": direct,
        "shading": shading.astype(np.float16),
        "specular": specular,
    }


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """uint8 levels of linear light in [0, 1], by IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    bright = 1.055 * np.power(linear, np.float32(1 / 2.4)) - 0.055
    return np.round(255 * np.where(linear <= 0.0031308, 12.92 * linear, bright)).astype(
        np.uint8
    )


def to_linear(levels: np.ndarray) -> np.ndarray:
    """float32 linear light in [0, 1] of uint8 sRGB levels: the inverse of `to_srgb`."""
    table = np.arange(256) / 255
    bright = ((table + 0.055) / 1.055) ** 2.4
    linear = np.where(table <= 0.04045, table / 12.92, bright)
    return linear.astype(np.float32)[levels]
