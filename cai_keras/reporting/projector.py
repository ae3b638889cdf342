"""Embeddings as files of TensorBoard's projector."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.event_files import write_events
from cai_keras.reporting.plain_text import one_line

LARGEST_SPRITE = 8192  # pixels; the page refuses a wider or higher picture


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Points of a vector space, and what is known about each of them.

    Attributes:
        vectors: float (n, d), n and d at least 1.
        metadata: by column, n texts.
        thumbnails: uint8 (n, height, width) or (n, height, width, 1, 3 or 4), or None.
    Raises:
        ValueError: another shape or type, or columns of another length.
    """

    vectors: np.ndarray
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    thumbnails: np.ndarray | None = None

    def __post_init__(self):
        shape = self.vectors.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"vectors: expected (n, d), n and d above 0, not {shape}")
        for name, column in self.metadata.items():
            if len(column) != shape[0]:
                raise ValueError(
                    f"metadata {name!r}: {len(column)} values for {shape[0]} vectors"
                )
        if self.thumbnails is not None:
            _check_thumbnails(self.thumbnails, shape[0])


def write_projector(folder: Path, embeddings: Mapping[str, Embeddings]) -> None:
    """Writes what the projector shows of the TensorBoard run in `folder`.

    `projector_config.pbtxt`, and for each name `<name>.tsv` (six digits),
    `<name>.metadata.tsv` and `<name>.png`. The page takes pictures of at most 8192 x
    8192 pixels: thumbnails that do not fit into one are made smaller. It draws t-SNE
    of at most 10,000 points and UMAP of 5,000, chosen at random, and reads the text
    file of every run before it shows one: some thousand points are enough.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = ProjectorConfig()
    for name, points in embeddings.items():
        entry = config.embeddings.add(
            tensor_name=name,
            tensor_path=f"{name}.tsv",
            tensor_shape=points.vectors.shape,
        )
        text = io.StringIO()
        np.savetxt(text, points.vectors, fmt="%.6g", delimiter="\t")
        write_atomic(folder / entry.tensor_path, text.getvalue())
        if points.metadata:
            entry.metadata_path = f"{name}.metadata.tsv"
            write_atomic(folder / entry.metadata_path, _metadata_text(points.metadata))
        if points.thumbnails is not None:
            entry.sprite.image_path = f"{name}.png"
            sprite, (height, width) = _sprite(points.thumbnails)
            entry.sprite.single_image_dim.extend([width, height])
            write_atomic(folder / entry.sprite.image_path, sprite)
    # Last: a reader of the old one finds its files, of the new one all of them.
    path = folder / "projector_config.pbtxt"
    write_atomic(path, text_format.MessageToString(config))
    write_events(folder, [])  # the projector looks into folders with an event file only


def _check_thumbnails(thumbnails: np.ndarray, count: int) -> None:
    shape = thumbnails.shape
    is_picture = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    if thumbnails.dtype != np.uint8 or not is_picture or 0 in shape:
        raise ValueError(
            "thumbnails: expected uint8 (n, height, width) or (n, height, width, 1, 3 "
            f"or 4), not {thumbnails.dtype} {shape}"
        )
    if shape[0] != count:
        raise ValueError(f"thumbnails: {shape[0]} for {count} vectors")


def _metadata_text(metadata: Mapping[str, Sequence[str]]) -> str:
    """A header only where there are two columns or more: so the page tells them."""
    rows = list(zip(*metadata.values(), strict=True))
    if len(metadata) > 1:
        rows.insert(0, tuple(metadata))
    return "".join("\t".join(map(_cell, row)) + "\n" for row in rows)


def _cell(text: str) -> str:
    # The page skips blank lines, and every later label would be that of another point.
    return one_line(str(text)) or "(empty)"


def _sprite(thumbnails: np.ndarray) -> tuple[bytes, tuple[int, int]]:
    """All thumbnails row by row in a square PNG, and the size of one in pixels."""
    from PIL import Image

    if thumbnails.shape[-1] == 1 and thumbnails.ndim == 4:
        thumbnails = thumbnails[..., 0]
    columns = math.ceil(math.sqrt(len(thumbnails)))
    thumbnails = _reduced(thumbnails, LARGEST_SPRITE // columns)
    count, height, width, *channels = thumbnails.shape
    grid = np.zeros((columns * columns, height, width, *channels), np.uint8)
    grid[:count] = thumbnails
    grid = grid.reshape(columns, columns, height, width, *channels).swapaxes(1, 2)
    picture = grid.reshape(columns * height, columns * width, *channels)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue(), (height, width)


def _reduced(thumbnails: np.ndarray, side: int) -> np.ndarray:
    """No side longer than `side` pixels, in the same proportions."""
    from PIL import Image

    height, width = thumbnails.shape[1:3]
    scale = side / max(height, width)
    if scale >= 1:
        return thumbnails
    size = max(1, int(width * scale)), max(1, int(height * scale))
    box = Image.Resampling.BOX
    return np.stack(
        [np.asarray(Image.fromarray(image).resize(size, box)) for image in thumbnails]
    )
