"""The room as its camera sees it: three axes and six distances.

A room has four headings that look alike. The axes are named as the camera sees them:
forward is the horizontal axis of the room that is nearest to where the camera looks,
down is down, and right is what is right of forward.
"""

import numpy as np

from cai_keras.data.scenes.camera import Camera


def vanishing_points(camera: Camera) -> np.ndarray:
    """(3, 3): the room's axes right, down and forward in the camera's frame.

    The rows are unit vectors and make a rotation. Edges of the room and of unturned
    boxes along the axis (x, y, z) meet in the image at focal * (x, y) / z.
    """
    axes = camera.rotation.T  # row i is the world's axis i
    level = np.concatenate([axes[:2], -axes[:2]])
    down, forward = -axes[2], level[np.argmax(level[:, 2])]
    return np.stack([np.cross(down, forward), down, forward])


def room_layout(camera: Camera, room: np.ndarray) -> np.ndarray:
    """(6,) metres from the camera to the room's faces.

    In the order right, left, floor, ceiling, front, back of `vanishing_points`.

    Args:
        room: (3,) its sizes.
    """
    in_world = np.round(vanishing_points(camera) @ camera.rotation)
    positive = np.where(in_world > 0, room - camera.position, camera.position)
    negative = np.where(in_world > 0, camera.position, room - camera.position)
    is_axis = np.abs(in_world)
    ends = [(positive * is_axis).sum(axis=1), (negative * is_axis).sum(axis=1)]
    return np.stack(ends, axis=1).ravel()


def layout_depth(
    axes: np.ndarray, layout: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """(rays,) depth of the empty room: the inverse of the two functions above.

    Args:
        axes, layout: (3, 3) and (6,), as above.
        directions: (3, rays) in the camera's frame, with z = 1.
    """
    along = axes @ directions
    ends = np.where(along > 0, layout[0::2, None], layout[1::2, None])
    with np.errstate(divide="ignore"):
        return (ends / np.abs(along)).min(axis=0)
