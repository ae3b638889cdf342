"""Spatial transformer: an image seen through a transformation that a network chose."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from cai_keras.layers import sampling_grids
from cai_keras.layers.bilinear_sampling import BORDERS, sample_bilinear


@dataclass(frozen=True)
class _Transform:
    """A family of transformations: its grid, and the parameters of the identity."""

    grid: Any
    identity: tuple[float, ...]


def _thin_plate_spline(side: int) -> _Transform:
    control = sampling_grids.regular_grid(side, side)
    identity = tuple(float(number) for number in control.ravel())
    return _Transform(sampling_grids.thin_plate_spline_grid, identity)


TRANSFORMS = {
    "affine": _Transform(sampling_grids.affine_grid, (1, 0, 0, 0, 1, 0)),
    "attention": _Transform(sampling_grids.attention_grid, (1, 0, 0)),
    "projective": _Transform(sampling_grids.projective_grid, (1, 0, 0, 0, 1, 0, 0, 0)),
    "thin_plate_spline": _thin_plate_spline(4),  # 16 points, as in the paper
}


def identity_parameters(transform: str) -> np.ndarray:
    """theta of the transformation that changes nothing, float32 (parameters,).

    The bias that the last layer of a localisation network starts with; its kernel
    starts at zero (Jaderberg et al. 2015, Section 4.1).
    """
    return np.asarray(_find(transform).identity, "float32")


@keras.saving.register_keras_serializable(package="cai_keras")
class SpatialTransformer(keras.layers.Layer):
    """Grid generator and sampler of a spatial transformer.

    Jaderberg, Simonyan, Zisserman and Kavukcuoglu 2015 (arXiv:1506.02025), Sections 3.2
    and 3.3: theta -> grid of points T_theta(G) -> image sampled there. The localisation
    network that gives theta is the caller's.

    theta says for every pixel of the *output* where in the input it lies: scale 2
    shows the input at half its size.

    Args:
        transform: `affine` (6 parameters), `attention` (3: scale, x, y), `projective`
            (8) or `thin_plate_spline` (32: x and y of 4 x 4 control points).
        output_size: (height, width) of the output; that of the input if None.
        border: what lies outside of the input; see `sample_bilinear`.

    Call:
        inputs: pair (images, theta), float (batch, height, width, channels) of known
            size and float (batch, parameters). theta keeps its type: float16 would
            move points by hundredths of pixels.
        Returns: float (batch, *output_size, channels).
    Raises:
        ValueError: an unknown transform or border, or a theta of another length.
    """

    def __init__(self, transform="affine", output_size=None, border="zeros", **kwargs):
        super().__init__(autocast=False, **kwargs)
        _find(transform)
        if border not in BORDERS:
            raise ValueError(
                f"SpatialTransformer: border must be one of {', '.join(BORDERS)}; "
                f"received {border!r}"
            )
        self.transform = transform
        self.output_size = None if output_size is None else tuple(output_size)
        self.border = border

    def build(self, input_shape):
        _, theta = input_shape
        expected = len(_find(self.transform).identity)
        if theta[-1] != expected:
            raise ValueError(
                f"SpatialTransformer: {self.transform} has {expected} parameters; "
                f"received theta of shape {tuple(theta)}"
            )

    def call(self, inputs):
        images = ops.cast(inputs[0], self.compute_dtype)
        return sample_bilinear(images, self.grid(inputs), self.border)

    def grid(self, inputs):
        """T_theta(G), float32 (batch, *output_size, 2): where each pixel comes from."""
        images, theta = inputs
        height, width = self.output_size or images.shape[1:3]
        theta = ops.cast(theta, "float32")
        return _find(self.transform).grid(theta, height, width)

    def compute_output_shape(self, input_shape):
        images, _ = input_shape
        return (images[0], *(self.output_size or images[1:3]), images[3])

    def get_config(self):
        return {
            **super().get_config(),
            "transform": self.transform,
            "output_size": self.output_size,
            "border": self.border,
        }


def _find(name: str) -> _Transform:
    if name not in TRANSFORMS:
        raise ValueError(
            f"SpatialTransformer: transform must be one of {', '.join(TRANSFORMS)}; "
            f"received {name!r}"
        )
    return TRANSFORMS[name]
