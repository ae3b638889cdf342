"""Everything that a benchmark is written as; docs/benchmarks.md describes each file."""

import logging
from pathlib import Path

from benchmarks.csv_table import to_csv
from benchmarks.mlperf_log import to_mlperf
from benchmarks.rows import BenchmarkFile
from benchmarks.scalars import write_scalars
from cai_keras.errors import UsageError
from cai_keras.reporting.atomic import write_atomic

NOTES = logging.getLogger("cai_keras.benchmarks")
ROOFLINE, SPEED = "roofline", "speed"


def write_all(file: BenchmarkFile, folder: Path) -> list[Path]:
    """Writes JSON, CSV, MLPerf log, figures and TensorBoard scalars into a folder.

    `<name>.json`, `.csv`, `.mlperf.log`, `.roofline.png`, `.roofline.svg`,
    `.speed.png`, `.speed.svg` and the folder `tb/<name>/`, where `<name>` is the
    file's. One that cannot be made (no package, nothing to draw) is named in a line,
    with the reason; an older one of that name is removed then, for it is of other
    numbers.

    Returns:
        what was written, the JSON first.
    Raises:
        UsageError: the name is no file name.
        OSError: the folder cannot be written.
    """
    if not file.name or Path(file.name).name != file.name or file.name[0] == ".":
        raise UsageError(f"{file.name!r}: expected a file name, such as 'train'")

    def place(ending: str) -> Path:
        return folder / f"{file.name}.{ending}"

    file.write(place("json"))
    write_atomic(place("csv"), to_csv(file))
    written = [place("json"), place("csv")]
    try:
        write_atomic(place("mlperf.log"), to_mlperf(file))
        written.append(place("mlperf.log"))
    except UsageError as error:
        _leave_out(place("mlperf.log"), str(error))
    for ending, content in _pictures(file, folder).items():
        write_atomic(place(ending), content)
        written.append(place(ending))
    return written + write_scalars(folder / "tb" / file.name, file.metrics)


def _pictures(file: BenchmarkFile, folder: Path) -> dict[str, bytes]:
    """By ending, such as `speed.png`; what cannot be drawn is named."""
    from benchmarks.plots import draw_rooflines, draw_speeds
    from benchmarks.roofline import rooflines
    from cai_keras.reporting.pictures import FORMATS, picture_bytes

    figures = {}
    found, left = rooflines(file.ceilings, file.metrics)
    if found:
        figures[ROOFLINE] = draw_rooflines(found)
    if file.metrics:
        figures[SPEED] = draw_speeds(file.metrics)
    if found and left:
        NOTES.info(
            "%s: no place in the roofline for %d of %d rows: operations, bytes, speed "
            "or the device's ceilings are not known",
            file.name, len(left), len(file.metrics),
        )  # fmt: skip
    reasons = {
        ROOFLINE: "no row with operations, bytes, speed and its device's ceilings",
        SPEED: "no rows",
    }
    for name, reason in reasons.items():
        if name not in figures:
            for form in FORMATS:
                _leave_out(folder / f"{file.name}.{name}.{form}", reason)
    return {
        f"{name}.{form}": content
        for name, figure in figures.items()
        for form, content in picture_bytes(figure, FORMATS).items()
    }


def _leave_out(path: Path, reason: str) -> None:
    path.unlink(missing_ok=True)
    NOTES.warning("not written: %s: %s", path, reason)
