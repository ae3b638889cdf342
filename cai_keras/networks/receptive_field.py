"""How far a network sees, by the closed formula; `training.seen_pixels` measures it."""

from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True)
class ReceptiveField:
    """Of one output position, along one axis.

    Attributes:
        size: input pixels that it sees.
        stride: input pixels between neighbouring output positions.
    """

    size: int = 1
    stride: int = 1

    def after(self, kernel: int, stride: int = 1, dilation: int = 1):
        """Of a layer that reads maps with this field.

        Dumoulin and Visin 2016 (arXiv:1603.07285): a dilated kernel covers
        (k - 1) d + 1 positions, which are `stride` pixels apart.
        """
        size = self.size + (kernel - 1) * dilation * self.stride
        return ReceptiveField(size, self.stride * stride)

    def joined(self, other: "ReceptiveField") -> "ReceptiveField":
        """Of a sum or a concatenation of two maps."""
        if self.stride != other.stride:
            raise ValueError(
                f"maps with strides {self.stride} and {other.stride} do not fit"
            )
        return ReceptiveField(max(self.size, other.size), self.stride)


def receptive_fields(network: keras.Model) -> dict[str, ReceptiveField]:
    """The field of the output of every layer, along the rows, by the layers' names.

    Convolutions and poolings widen it; what sees a position alone keeps it; where maps
    meet, the larger one counts.

    Raises:
        ValueError: an operation drops an axis (flattening, global poolings, means) or
            enlarges the map.
    """
    fields: dict[int, ReceptiveField] = {
        id(x): ReceptiveField() for x in network.inputs
    }
    found = {}
    for operation in network.operations:
        if isinstance(operation, layers.InputLayer):
            continue
        for node in operation._inbound_nodes:
            before = [fields[id(x)] for x in node.input_tensors if id(x) in fields]
            if not before:
                continue
            field = before[0]
            for other in before[1:]:
                field = field.joined(other)
            field = _after(operation, node, field)
            fields.update((id(x), field) for x in node.outputs)
            found[operation.name] = field
    return found


def _after(operation, node, field: ReceptiveField) -> ReceptiveField:
    before, after = node.input_tensors[0], node.outputs[0]
    if len(after.shape) < len(before.shape) or isinstance(operation, _ENLARGING):
        kind = type(operation).__name__
        raise ValueError(f"{operation.name} ({kind}) has no receptive field")
    for kinds, widen in _WIDENING:
        if isinstance(operation, kinds):
            return widen(operation, field)
    return field


def _convolve(layer, field):
    return field.after(layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0])


def _pool(layer, field):
    return field.after(layer.pool_size[0], layer.strides[0])


_ENLARGING = (
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.UpSampling2D,
)
_WIDENING = (
    (
        (
            layers.Conv1D,
            layers.Conv2D,
            layers.Conv3D,
            layers.DepthwiseConv2D,
            layers.SeparableConv2D,
        ),
        _convolve,
    ),
    ((layers.MaxPooling2D, layers.AveragePooling2D), _pool),
)
