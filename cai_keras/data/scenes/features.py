"""The features of a stored scene: shapes, types, how they are encoded and shown."""

from dataclasses import dataclass

import numpy as np

# How reporting.contact_sheet shows a map.
PICTURE, LINEAR, GREY, RANGE = "picture", "linear", "grey", "range"
DIRECTION, LABELS, PAIR = "direction", "labels", "pair"


@dataclass(frozen=True)
class MapFeature:
    """A map of side x side pixels.

    Attributes:
        channels: of a pixel.
        dtype: uint8 and uint16 are stored as PNG, others as bytes.
        shown: its colouring in a contact sheet.
        is_repetitive: whether its bytes are worth compressing.
    """

    channels: int
    dtype: type
    shown: str
    is_repetitive: bool = False


MAPS = {
    "rgb": MapFeature(3, np.uint8, PICTURE),
    "albedo": MapFeature(3, np.uint8, LINEAR),
    "shading": MapFeature(3, np.float16, LINEAR),
    "direct": MapFeature(1, np.float16, RANGE),
    "shadow": MapFeature(1, np.uint8, LABELS),
    "specular": MapFeature(3, np.float16, LINEAR, is_repetitive=True),
    "depth": MapFeature(1, np.float32, RANGE),
    "distance": MapFeature(1, np.float32, RANGE),
    "normal": MapFeature(3, np.float16, DIRECTION, is_repetitive=True),
    "reshading": MapFeature(1, np.float16, GREY),
    "curvature": MapFeature(2, np.float16, PAIR, is_repetitive=True),
    "semantic": MapFeature(1, np.uint8, LABELS),
    "instance": MapFeature(1, np.uint8, LABELS),
    "occlusion_edge": MapFeature(1, np.uint8, LABELS),
    "texture_edge": MapFeature(1, np.float16, GREY),
    "keypoint_2d": MapFeature(1, np.float16, GREY),
    "keypoint_3d": MapFeature(1, np.float16, GREY),
    "segment_2d": MapFeature(1, np.uint16, LABELS),
    "segment_25d": MapFeature(1, np.uint8, LABELS),
}
# Name -> shape of what an image has once, float32.
NUMBERS = {
    "vanishing_points": (3, 3),
    "room_layout": (6,),
    "focal": (),
    "light_position": (3,),
    "light_colour": (3,),
    "ambient_light": (3,),
}
PAIR_MAPS = {
    "fixated_rgb": MapFeature(3, np.uint8, PICTURE),
    "free_rgb": MapFeature(3, np.uint8, PICTURE),
}
PAIR_NUMBERS = {"fixated_pose": (6,), "free_pose": (6,)}
