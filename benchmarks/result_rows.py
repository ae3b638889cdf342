"""From what was measured to the rows of a benchmark's file."""

from collections.abc import Mapping

from benchmarks.costs import Cost, roofline
from benchmarks.rows import Ceilings, Configuration, Repeat, Row
from benchmarks.schedule import Measured
from benchmarks.speeds import summary


def make_row(
    one: Measured,
    device: str,
    cost: Cost | None,
    ceilings: Ceilings | None,
    share_device: bool = False,
) -> Row:
    """One row; what is not known is null.

    Args:
        device: cpu, gpu or tpu.
        cost: None where it could not be counted.
        ceilings: of the backend's device; None where they were not measured.
        share_device: replicas are parts of one device, as logical CPUs are.
    """
    prepared = one.prepared or {}
    replicas = prepared.get("replicas", 1)
    configuration = _configuration(one, device, replicas, cost)
    if one.state != "done":
        return Row(configuration=configuration, state=one.state, reason=one.reason)
    found = summary(one.repeats, configuration.batch_size)
    samples = one.steps * configuration.batch_size
    row = {
        **found,
        "repeats": tuple(Repeat(step_seconds=times) for times in one.repeats),
        "is_steady": prepared["is_steady"],
        "first_step_seconds": prepared["first_step_seconds"],
        "warmup_steps": prepared["warmup_steps"],
        **one.memory,
        "joules_per_sample": None if None in one.joules else sum(one.joules) / samples,
    }
    if cost is not None:
        row["parameters"] = cost.parameters
        row["sample_flops"] = cost.sample_flops
        row["sample_activations"] = cost.sample_activations
        row.update(
            roofline(
                cost,
                configuration.kind,
                configuration.batch_size,
                configuration.precision,
                found["samples_per_second"],
                ceilings,
                1 if share_device else replicas,
            )
        )
    return Row(configuration=configuration, state="done", **row)


def _configuration(
    one: Measured, device: str, replicas: int, cost: Cost | None
) -> Configuration:
    request, shape = one.request, (one.prepared or {}).get("image_shape")
    if not shape:
        shape = cost.image_shape if cost else ()
    return Configuration(
        kind=request.kind,
        paper=request.paper,
        scale=request.scale,
        variant=request.variant,
        network=request.network,
        backend=request.backend,
        device=device,
        precision=request.precision,
        xla=request.xla,
        strategy=request.strategy,
        replicas=replicas,
        data=request.data,
        batch_size=request.batch_size,
        image_shape=tuple(shape),
    )


def cost_of_json(found: Mapping) -> Cost:
    """A `Cost` as a worker tells it."""
    return Cost(**{**found, "image_shape": tuple(found["image_shape"])})
