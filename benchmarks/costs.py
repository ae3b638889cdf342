"""What a step costs in theory: operations, bytes, and the roof that is lower.

Bytes are a lower bound of what a step has to move between memory and processor, every
number being moved once where it cannot stay in a cache:

- infer: the weights are read, and so is the batch; the output of every layer with
  weights is written and read again.
- train: the weights are read, and written when they are updated; their gradients are
  written and read; an optimizer's numbers (momentum, moments) are read and written.
  The outputs of layers are written and read again in the backward pass, and so are
  their gradients. The batch is read.

Weights, gradients and an optimizer's numbers have four bytes, in mixed precision too;
the outputs of layers have those of the precision. What lies between the layers, as
activations and normalisation, is left out: it can be fused with them.
"""

from dataclasses import dataclass

from benchmarks.rows import Ceilings

# Policy of Keras -> (what layers compute in, bytes of a number of it).
COMPUTED_IN = {
    "float32": ("float32", 4),
    "mixed_bfloat16": ("bfloat16", 2),
    "mixed_float16": ("float16", 2),
}
_STORED_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """Of one configuration, whatever it runs on.

    Attributes:
        parameters: trainable numbers of its networks.
        sample_flops, sample_activations: see `rows.Row`.
        optimizer_numbers: what the optimizers keep; 0 for infer.
        sample_inputs: numbers of one example.
        image_shape: see `rows.Configuration`.
    """

    parameters: int
    sample_flops: float
    sample_activations: float
    optimizer_numbers: int
    sample_inputs: int
    image_shape: tuple[int, ...]


def step_bytes(cost: Cost, kind: str, batch_size: int, precision: str) -> float:
    """The lower bound of this module's text.

    Args:
        kind: train or infer.
        precision: a policy of Keras.
    """
    _, size = COMPUTED_IN[precision]
    outputs = batch_size * cost.sample_activations * size
    inputs = batch_size * cost.sample_inputs * _STORED_BYTES
    weights = _STORED_BYTES * cost.parameters
    if kind == "infer":
        return weights + inputs + 2 * outputs
    kept = _STORED_BYTES * cost.optimizer_numbers
    return 2 * weights + 2 * weights + 2 * kept + inputs + 4 * outputs


def roofline(
    cost: Cost,
    kind: str,
    batch_size: int,
    precision: str,
    samples_per_second: float,
    ceilings: Ceilings | None,
    devices: int = 1,
) -> dict[str, float | str | None]:
    """The fields of a row that compare it with what the machine can do.

    Args:
        ceilings: of the same backend and device; None where they were not measured.
        devices: that share the work, each with these ceilings.
    """
    moved = step_bytes(cost, kind, batch_size, precision)
    found = {
        "step_bytes": moved,
        "flops_per_second": cost.sample_flops * samples_per_second,
        "share_of_peak": None,
        "bound": None,
    }
    computed_in, _ = COMPUTED_IN[precision]
    peak = ceilings and ceilings.matrix_flops_per_second.get(computed_in)
    if peak:
        # Both ceilings grow with the devices, so that only the share needs them.
        found["share_of_peak"] = found["flops_per_second"] / (peak * devices)
        compute_seconds = cost.sample_flops * batch_size / peak
        memory_seconds = moved / ceilings.copy_bytes_per_second
        is_compute = compute_seconds >= memory_seconds
        found["bound"] = "compute" if is_compute else "memory"
    return found
