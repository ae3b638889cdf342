"""Short names for configurations: what tells them apart, and nothing else."""

from collections.abc import Callable, Sequence

from benchmarks.rows import Configuration

# In the order in which they stand behind the model; a part is shown where it varies.
_PARTS: dict[str, Callable[[Configuration], str]] = {
    "kind": lambda c: c.kind,
    "scale": lambda c: c.scale,
    "backend": lambda c: c.backend,
    "device": lambda c: c.device,
    "precision": lambda c: short_precision(c.precision),
    "xla": lambda c: "XLA" if c.xla else "no XLA",
    "strategy": lambda c: f"{c.strategy} x{c.replicas}",
    "data": lambda c: c.data,
    "image_shape": lambda c: shape_text(c.image_shape),
    "batch_size": lambda c: f"b{c.batch_size}",
}
_PRECISIONS = {"mixed_bfloat16": "bf16", "mixed_float16": "fp16", "float32": "fp32"}


def row_names(
    configurations: Sequence[Configuration], without: Sequence[str] = ()
) -> list[str]:
    """A name for each: the model, and each setting that not all of them share.

    Args:
        without: settings that are shown in another way, such as by a colour.
    """
    varying = [
        show
        for field, show in _PARTS.items()
        if field not in without and len({show(c) for c in configurations}) > 1
    ]
    return [" ".join([c.model, *(show(c) for show in varying)]) for c in configurations]


def settings_text(configuration: Configuration) -> str:
    """How it was run, such as `tensorflow cpu fp32 no XLA`, without what is usual."""
    parts = ["backend", "device", "precision", "xla"]
    if (configuration.strategy, configuration.replicas) != ("one", 1):
        parts.append("strategy")
    if configuration.data != "synthetic":
        parts.append("data")
    return " ".join(_PARTS[part](configuration) for part in parts)


def short_precision(precision: str) -> str:
    return _PRECISIONS.get(precision, precision)


def shape_text(shape: Sequence[int]) -> str:
    """`32x32x3`; nothing where it is no image."""
    return "x".join(str(size) for size in shape)
