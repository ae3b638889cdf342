"""Figures as PNG bytes and as TensorBoard images, without TensorFlow."""

import io
import struct
import time
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG at 150 dots per inch; closes it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def write_tensorboard_image(folder: Path, name: str, png: bytes) -> None:
    """Writes a PNG as the TensorBoard image `name` below `folder`."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.image.metadata import create_summary_metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    width, height = struct.unpack(">II", png[16:24])  # PNG's IHDR
    sizes = [str(width).encode(), str(height).encode()]
    metadata = create_summary_metadata(name, "", converted_to_tensor=True)
    tensor = make_tensor_proto([*sizes, png])
    value = Summary.Value(tag=name, metadata=metadata, tensor=tensor)
    for old in folder.glob("events.*"):  # one picture, not a history of them
        if old.name.endswith(f".{name}"):
            old.unlink()
    writer = EventFileWriter(str(folder), filename_suffix=f".{name}")
    summary = Summary(value=[value])
    writer.add_event(Event(wall_time=time.time(), step=0, summary=summary))
    writer.close()
