"""TensorBoard event files in one piece, by TensorBoard's own classes, no TensorFlow.

For what is derived from finished runs: a folder holds one file with all of its data,
which is replaced as a whole. A run that is going on appends through `tf.summary`.
"""

import hashlib
import io
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cai_keras.errors import UsageError

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

# Files are read in the order of their names, so the time comes first.
_NAME = "events.out.tfevents.{time_ns}.cai.{digest}"
_PATTERN = "events.out.tfevents.*.cai.*"
_HALF = ".half"  # not `tfevents`: TensorBoard must not look into it


class Part(Protocol):
    """Something to see in TensorBoard; its `repr` must hold all of its content."""

    def values(self) -> Iterator[tuple[int, "Summary.Value"]]:
        """Steps and what TensorBoard stores for them."""
        ...


@dataclass(frozen=True)
class Scalars:
    """A curve: values by step, stored as float32 as TensorBoard does."""

    tag: str
    points: Mapping[int, float]

    def values(self):
        from tensorboard.compat.proto.summary_pb2 import Summary

        for step, value in self.points.items():
            yield step, Summary.Value(tag=self.tag, simple_value=value)


@dataclass(frozen=True)
class Image:
    """A picture at step 0, as the bytes of a PNG file."""

    tag: str
    png: bytes

    def values(self):
        from tensorboard.plugins.image.metadata import create_summary_metadata

        width, height = struct.unpack(">II", self.png[16:24])  # PNG's IHDR
        content = [str(width).encode(), str(height).encode(), self.png]
        metadata = create_summary_metadata(self.tag, "", converted_to_tensor=True)
        yield 0, _tensor_value(self.tag, metadata, content)


@dataclass(frozen=True)
class Text:
    """Markdown at step 0."""

    tag: str
    markdown: str

    def values(self):
        from tensorboard.plugins.text.metadata import create_summary_metadata

        metadata = create_summary_metadata(self.tag, "")
        yield 0, _tensor_value(self.tag, metadata, self.markdown.encode())


@dataclass(frozen=True)
class Hyperparameters:
    """A row of the HParams page, which names it as the folder of the event file."""

    hyperparameters: Mapping[str, bool | int | float | str]

    def values(self):
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        # Without a name of its own; the page does not show when it started.
        summary = hparams_pb(dict(self.hyperparameters), "", start_time_secs=0)
        yield from ((0, value) for value in summary.value)


def read_png(path: Path) -> bytes:
    """The bytes of a PNG file for an `Image`.

    Raises:
        UsageError: the file is no PNG, or damaged.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(path, formats=["PNG"]) as picture:
            picture.verify()
        return path.read_bytes()
    # Pillow raises SyntaxError on a damaged PNG, and an error of its own on a bomb.
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        raise UsageError(f"{path}: not a readable PNG") from None


def write_events(folder: Path, parts: Sequence[Part]) -> bool:
    """Makes `parts` all that TensorBoard finds in `folder`.

    The file's name ends in a digest of the content: equal content is not written
    again, so that TensorBoard does not load it again. One process at a time may write
    into a folder; TensorBoard may read meanwhile. (One that is running keeps, of the
    old content, points before the first step of the new; only a new start forgets
    these.)

    Returns:
        whether a file was written.
    """
    digest = hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:16]
    old = _event_files(folder)
    # Not synchronised to the disk, as thousands of files would take minutes: a power
    # failure can leave an empty file, which is written again.
    if len(old) == 1 and old[0].name.endswith(digest) and old[0].stat().st_size:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / _HALF
    try:
        half.write_bytes(_encoded(parts))
        half.replace(folder / _NAME.format(time_ns=time.time_ns(), digest=digest))
    finally:
        half.unlink(missing_ok=True)
    for path in old:
        path.unlink(missing_ok=True)
    return True


def remove_events(folder: Path) -> bool:
    """Removes what `write_events` wrote; returns whether there was anything."""
    files = _event_files(folder)
    for path in [*files, folder / _HALF]:
        path.unlink(missing_ok=True)
    return bool(files)


def _event_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(_PATTERN))


def _encoded(parts: Sequence[Part]) -> bytes:
    """One event for each step, in the order of steps: TensorBoard expects that."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    by_step: dict[int, list] = {}
    for part in parts:
        for step, value in part.values():
            by_step.setdefault(step, []).append(value)
    now = time.time()
    start = SessionLog(status=SessionLog.START)
    events = [
        Event(wall_time=now, file_version="brain.Event:2"),
        # A TensorBoard that has read the file before this one forgets it now.
        Event(wall_time=now, step=0, session_log=start),
    ]
    for step in sorted(by_step):
        summary = Summary(value=by_step[step])
        events.append(Event(wall_time=now, step=step, summary=summary))
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event.SerializeToString())
    return buffer.getvalue()


def _tensor_value(tag: str, metadata, content) -> "Summary.Value":
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.util.tensor_util import make_tensor_proto

    tensor = make_tensor_proto(content)
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
