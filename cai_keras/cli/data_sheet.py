"""`cai data sheet`: what the examples of a data set look like."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import say
from cai_keras.errors import DataError, UsageError, choose

_LONGEST_TEXT = 20  # characters that fit over a column


def sheet(
    spec: Annotated[str, typer.Argument(help="Such as embedded:scenes or tfds:X.")],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="A .png or .svg file.")
    ] = Path("sheet.png"),
    examples: Annotated[int, typer.Option(min=1, max=50)] = 6,
    split: Annotated[str, typer.Option(help="TFDS's slices, too.")] = "train",
) -> None:
    """Draw every image feature of the first examples of a data set.

    Embedded sets are made where they are not there yet.
    """
    from cai_keras.reporting.atomic import write_atomic
    from cai_keras.reporting.pictures import FORMATS, picture_bytes

    ending = output.suffix.removeprefix(".")
    choose(f"--output {output}", ending, FORMATS)
    if not output.parent.is_dir():
        raise UsageError(f"--output {output}: no folder {output.parent}")
    load_tensorflow()
    import tensorflow_datasets as tfds

    from cai_keras.data import source
    from cai_keras.data.spec import DataSpec
    from cai_keras.reporting.contact_sheet import draw_contact_sheet

    parsed = DataSpec.parse(spec)
    if parsed.kind == "folder":
        raise UsageError(f"{spec}: expected embedded:NAME or tfds:NAME")
    is_embedded = parsed.kind == "embedded"
    open_set = source.open_embedded if is_embedded else source.open_catalogue
    builder = open_set(parsed)
    read = source.read_split(builder, split)
    rows = list(islice(tfds.as_numpy(read), examples))
    shown = getattr(builder, "SHOWN", {})
    pictures = _pictures(rows, list(shown))
    if not pictures:
        raise DataError(f"{spec}: no feature of {split!r} is an image")
    captions = [_caption(builder.info.features, row) for row in rows]
    figure = draw_contact_sheet(pictures, shown, captions)
    write_atomic(output, picture_bytes(figure, [ending])[ending])
    say(str(output))


def _pictures(rows: list[dict[str, Any]], order: list[str]):
    """Name -> examples of each feature that is an image of one to four channels."""

    def is_image(value: Any) -> bool:
        shape, kind = np.shape(value), getattr(value, "dtype", np.dtype(object)).kind
        return len(shape) == 3 and 1 <= shape[-1] <= 4 and kind in "uifb"

    names = [name for name, value in rows[0].items() if is_image(value)] if rows else []
    names.sort(key=[*order, *names].index)
    return {name: [row[name] for row in rows] for name in names}


def _caption(features: Any, row: dict[str, Any]) -> str:
    """A line for each label, whole number and short text of an example."""
    lines = []
    for name, value in row.items():
        if isinstance(value, bytes) and len(value) <= _LONGEST_TEXT:
            lines.append(value.decode("utf-8", "replace"))
        elif np.shape(value) == () and np.asarray(value).dtype.kind in "ui":
            names = getattr(features[name], "int2str", None)
            lines.append(names(int(value)) if names else f"{name} {value}")
    return "\n".join(lines)
