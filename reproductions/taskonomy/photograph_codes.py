"""Codes of photographs by frozen encoders, computed once and kept on disk."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.example_batches import ExampleBatches
from cai_keras.training.inference import predict_in_batches

from .grid import codes_folder, keep_newest
from .photographs import Photographs


@dataclass
class PhotographCodes:
    """Codes of all photographs of a split, one behind the other: gigabytes.

    They lie in a file of the TFDS data folder, named by the weights and the split: a
    run that goes on, and one that is evaluated again, finds them there.

    Attributes:
        encoders: source -> encoder that does not change any more when codes are asked
            for; a function, as it is asked for then.
        batch_size: photographs whose codes are computed together.
    """

    encoders: Callable[[], Mapping[str, keras.Model]]
    batch_size: int
    _open: dict[str, np.ndarray] = field(default_factory=dict)

    def of(self, photographs: Photographs) -> np.ndarray:
        """float32 (n, side / 16, side / 16, sources x 8), read from the file."""
        if photographs.name not in self._open:
            path = codes_folder() / f"{self._key(photographs)}.npy"
            if not path.is_file():
                self._compute(photographs, path)
            self._open[photographs.name] = np.load(path, mmap_mode="r")
        return self._open[photographs.name]

    def _compute(self, photographs: Photographs, path: Path) -> None:
        """Whole or not at all: another process may be reading."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{id(photographs)}.tmp")
        try:
            self._fill(photographs, unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        keep_newest()

    def _fill(self, photographs: Photographs, path: Path) -> None:
        encoders = self.encoders().values()
        codes, done = None, 0
        for images in photographs.batches(photographs.image, self.batch_size):
            parts = [predict_in_batches(e, images, self.batch_size) for e in encoders]
            batch = np.concatenate(parts, axis=-1)
            if codes is None:
                shape = (len(photographs), *batch.shape[1:])
                codes = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            codes[done : done + len(batch)] = batch
            done += len(batch)
        codes.flush()

    def _key(self, photographs: Photographs) -> str:
        what = f"{photographs.name}:{len(photographs)}:{photographs.side}"
        digest = hashlib.sha256(what.encode())
        for encoder in self.encoders().values():
            for weight in encoder.get_weights():
                digest.update(weight.tobytes())
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class CodedBatches:
    """Batches {"codes", "targets"} for transfers to one task.

    Codes are computed when batches are first asked for.
    """

    codes: PhotographCodes
    photographs: Photographs
    task: str
    batch_size: int
    seed: int

    def __call__(
        self, first_step: int, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        """Endless; the arguments are `ExampleBatches`'s."""
        codes = self.codes.of(self.photographs)

        def make(step, row):
            position = (step * self.batch_size + row)[None]
            index = shuffled_indices(position, len(codes), self.seed)[0]
            code = tf.numpy_function(
                lambda n: np.array(codes[n]), [index], tf.float32, stateful=False
            )
            return {
                "codes": tf.ensure_shape(code, codes.shape[1:]),
                "targets": {self.task: self.photographs.target(index, self.task)},
            }

        return ExampleBatches(make, self.batch_size)(first_step, rows, stride)
