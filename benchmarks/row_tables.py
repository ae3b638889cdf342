"""Rows and ceilings as tables on the terminal."""

from collections.abc import Sequence
from typing import Any

from benchmarks.rows import Ceilings, Row

ROW_COLUMNS = {
    "model": "Model",
    "how": "How",
    "batch": "Batch",
    "speed": "Samples/s",
    "spread": "Spread",
    "noise": "Noise",
    "p50": "Step p50 / p99",
    "first": "First step",
    "memory": "Peak memory",
    "flops": "GFLOP a sample",
    "share": "Of peak",
    "bound": "Bound",
}
CEILING_COLUMNS = {
    "backend": "Backend",
    "device": "Device",
    "what": "What",
    "best": "Best",
}
_TERA, _GIGA = 1e12, 1e9


def row_cells(row: Row) -> dict[str, Any]:
    """One line of the table; a row without numbers has its reason."""
    asked = row.configuration
    how = [asked.backend, asked.device, asked.precision]
    how += ["xla"] if asked.xla else []
    how += [f"{asked.strategy} x {asked.replicas}"] if asked.strategy != "one" else []
    cells = {
        **dict.fromkeys(ROW_COLUMNS, ""),
        "model": asked.model,
        "how": " ".join(how),
        "batch": str(asked.batch_size),
    }
    if row.state != "done":
        state = row.state.replace("_", " ")
        return {**cells, "speed": f"{state}: {row.reason}"}
    cells["speed"] = f"{row.samples_per_second:,.4g}"
    cells["spread"] = f"{row.spread_percent:.1f} %"
    cells["noise"] = row.noise if row.is_steady else f"{row.noise}, not steady"
    cells["p50"] = " / ".join(
        _duration(one) for one in (row.step_p50_seconds, row.step_p99_seconds)
    )
    cells["first"] = _duration(row.first_step_seconds)
    peak = row.peak_device_bytes or row.peak_host_bytes
    cells["memory"] = f"{peak / _GIGA:.2f} GB"
    if row.sample_flops is not None:
        cells["flops"] = f"{row.sample_flops / _GIGA:,.4g}"
    if row.share_of_peak is not None:
        cells["share"] = f"{100 * row.share_of_peak:.1f} %"
        cells["bound"] = row.bound
    return cells


def ceiling_cells(found: Ceilings) -> list[dict[str, str]]:
    """A line for each ceiling of a device."""
    device = f"{found.device}: {found.device_name}"
    lines = {
        f"matrix product, {precision}": f"{rate / _TERA:.4g} TFLOP/s"
        for precision, rate in found.matrix_flops_per_second.items()
    }
    for precision, rate in found.convolution_flops_per_second.items():
        lines[f"3x3 convolution, {precision}"] = f"{rate / _TERA:.4g} TFLOP/s"
    lines["memory"] = f"{found.copy_bytes_per_second / _GIGA:.4g} GB/s"
    lines["compiled call"] = _duration(found.launch_seconds)
    return [
        {"backend": found.backend, "device": device, "what": what, "best": best}
        for what, best in lines.items()
    ]


def noise_lines(rows: Sequence[Row]) -> list[str]:
    """How far repeats lie apart, and a warning where that is far."""
    done = [row for row in rows if row.state == "done"]
    if not done:
        return []
    widest = max(done, key=lambda row: row.spread_percent)
    lines = [
        f"noise: largest spread {widest.spread_percent:.1f} % "
        f"({_name(widest)}; interquartile range over median)"
    ]
    for verdict, meaning in _MEANINGS.items():
        names = [_name(row) for row in done if row.noise == verdict]
        if names:
            lines.append(f"WARNING: {verdict}: {', '.join(names)}: {meaning}")
    if restless := [_name(row) for row in done if not row.is_steady]:
        lines.append(
            f"WARNING: not steady after the warm-up: {', '.join(restless)}; "
            "more --seconds give it more time"
        )
    return lines


_MEANINGS = {
    "noisy": "the machine is not quiet; compare neighbours in time only",
    "drifting": "each repeat was slower than the one before it; the machine heats up "
    "or is slowed down",
}


def _name(row: Row) -> str:
    asked = row.configuration
    xla = " xla" if asked.xla else ""
    return f"{asked.model} {asked.backend} {asked.precision}{xla}"


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1e3 * seconds:.1f} ms" if seconds < 10 else f"{seconds:.1f} s"
