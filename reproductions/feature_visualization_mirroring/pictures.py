"""How an image of any of the signals is shown."""

import numpy as np

_NOISE_LIMIT = 2.5  # standard deviations


def show(axis, image: np.ndarray, value_range: float | None) -> None:
    """Draws float (height, width, 1 or 3), without ticks.

    Args:
        value_range: of the values; None for noise.
    """
    if image.shape[-1] == 3:
        axis.imshow(np.clip(image / 2 + 0.5, 0, 1))
    else:
        limit = _NOISE_LIMIT if value_range is None else value_range / 2
        axis.imshow(image[..., 0], cmap="gray", vmin=-limit, vmax=limit)
    hide_axes(axis)


def hide_axes(axis) -> None:
    """No ticks, no grid, no frame; a label stays."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
