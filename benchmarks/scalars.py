"""A benchmark as TensorBoard scalars: speeds against the batch size.

One TensorBoard run for each way to run the networks (backend, device, precision, XLA,
strategy, data), so that these lie over one another in one chart for each network.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.row_names import settings_text, shape_text
from benchmarks.rows import Row
from cai_keras.reporting.event_files import (
    Part,
    Scalars,
    remove_events,
    write_events,
)

FIELDS = (
    "samples_per_second", "spread_percent", "step_p50_seconds", "step_p90_seconds",
    "step_p99_seconds", "first_step_seconds", "peak_host_bytes", "peak_device_bytes",
    "flops_per_second", "share_of_peak", "joules_per_sample",
)  # fmt: skip


def scalars_of(rows: Sequence[Row]) -> dict[str, list[Part]]:
    """By the name of the TensorBoard run, its curves; their step is the batch size.

    A tag is `train/<field>/<scale>/<model>`, with the shape of an image behind it where
    a network was run with several.
    """
    points: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        configuration = row.configuration
        run = re.sub(r"[^\w.-]+", "_", settings_text(configuration))
        curves = points.setdefault(run, {})
        for field in FIELDS:
            value = getattr(row, field)
            if value is not None:
                tag = f"{configuration.kind}/{field}/{_network(row, rows)}"
                curves.setdefault(tag, {})[configuration.batch_size] = float(value)
    return {
        run: [Scalars(tag, dict(sorted(of.items()))) for tag, of in curves.items()]
        for run, curves in points.items()
        if curves
    }


def write_scalars(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Makes these rows all that TensorBoard finds in `<folder>/<run>/`.

    Returns:
        the folders of the TensorBoard runs.
    Raises:
        OSError: they cannot be written.
    """
    runs = {folder / run: parts for run, parts in scalars_of(rows).items()}
    for place, parts in runs.items():
        write_events(place, parts)
    for place in folder.glob("*/"):
        if place not in runs and remove_events(place):
            with suppress(OSError):  # not empty: somebody else's files
                place.rmdir()
    return list(runs)


def _network(row: Row, rows: Sequence[Row]) -> str:
    own = row.configuration
    name = f"{own.scale}/{own.model}"
    shapes = {
        other.configuration.image_shape
        for other in rows
        if (other.configuration.scale, other.configuration.model)
        == (own.scale, own.model)
    }
    return f"{name}/{shape_text(own.image_shape)}" if len(shapes) > 1 else name
