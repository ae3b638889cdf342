"""The grid of networks: one for each task, and transfers from their codes.

Section 3.2: task-specific networks come first; their encoders never change again.
Transfers of first order read one code each. For higher orders the sources of a target
are ranked by their first-order losses, and combinations of the best are trained: of two
and three among the best five, of four among the best six, as the released scripts do.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cai_keras.data.classification import shuffled_indices
from cai_keras.data.source import data_root
from cai_keras.data.step_batches import StepBatches
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.training.inference import predict_in_batches

from .data import SceneData, Scenes, still_views
from .small_model import (
    build_encoder,
    build_task_network,
    build_transfers,
    seeded,
)
from .tasks import TASKS, losses_of

RANDOM = "random"
ORDERS = (1, 2, 3, 4)
_STRIDE = 8  # of an encoder
# Of codes: three parts of a run's images, of four runs.
_KEPT_FILES = 12


@dataclass(frozen=True)
class Grid:
    """All networks of a run.

    Attributes:
        specific: task -> network trained on all images.
        from_pixels: target -> network of the same kind for as few as transfers have.
        random: an encoder that never learns.
        transfers: order -> target -> network of all its candidates.
        sources: in the order of their codes.
    """

    specific: Mapping[str, keras.Model]
    from_pixels: Mapping[str, keras.Model]
    random: keras.Model
    transfers: Mapping[int, Mapping[str, keras.Model]]
    sources: tuple[str, ...]

    def encoders(self) -> dict[str, keras.Model]:
        """Source -> encoder."""
        return encoders_of(self.specific, self.random)

    def candidates(self, order: int, target: str) -> list[tuple[str, ...]]:
        """The sources of each transfer, as its network has them chosen."""
        choice = self.transfers[order][target].get_layer("choice").choice
        names = [self.sources[n] for n in keras.ops.convert_to_numpy(choice)]
        return [tuple(names[n : n + order]) for n in range(0, len(names), order)]


def encoders_of(
    specific: Mapping[str, keras.Model], random: keras.Model
) -> dict[str, keras.Model]:
    """Source -> encoder, those of task networks first."""
    found = {task: network.get_layer("encoder") for task, network in specific.items()}
    return {**found, RANDOM: random}


def build_grid(recipe, seed: int) -> Grid:
    """Networks of a recipe; their first weights are those of the seed."""
    model, side = recipe.model, recipe.data.image_side
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    sources = (*model.targets, *model.source_only, RANDOM)

    def own(prefix, tasks):
        return {
            task: build_task_network(
                make, side, model.filters, model.readout_filters, TASKS[task],
                f"{prefix}_{task}",
            )
            for task in tasks
        }  # fmt: skip

    def transfers(order):
        count = candidate_count(order, len(sources), vars(model.beam))
        return {
            target: build_transfers(
                make, side // _STRIDE, len(sources), count, order,
                model.readout_filters, TASKS[target], f"order_{order}_{target}",
            )
            for target in model.targets
        }  # fmt: skip

    return Grid(
        specific=own("tasks", sources[:-1]),
        from_pixels=own("pixels", model.targets),
        random=build_encoder(seeded(make, 1 + seed), side, model.filters, RANDOM),
        transfers={order: transfers(order) for order in ORDERS},
        sources=sources,
    )


def candidate_count(order: int, num_sources: int, beam: Mapping[str, int]) -> int:
    """Transfers of an order to one target.

    Args:
        beam: "order_2" ... -> of how many of the best sources combinations are made.
    """
    if order == 1:
        return num_sources
    # A target is no source of its own higher-order transfers.
    return comb(min(beam[f"order_{order}"], num_sources - 1), order)


@dataclass
class FrozenCodes:
    """Codes of images by the encoders of a grid, computed once.

    They are kept in a file of the TFDS data folder, named by the weights and the
    images: a run that goes on, and one that is evaluated again, finds them there. The
    newest files are kept.

    Attributes:
        grid: whose encoders do not change any more when codes are asked for.
        batch_size: images whose codes are computed together.
    """

    grid: Grid
    batch_size: int
    _kept: dict[str, np.ndarray] = field(default_factory=dict)

    def of(self, scenes: Scenes) -> np.ndarray:
        """float32 (n, side, side, sources x 8)."""
        key = self._key(scenes)
        if key not in self._kept:
            self._kept[key] = self._read_or_compute(key, scenes)
        return self._kept[key]

    def _read_or_compute(self, key: str, scenes: Scenes) -> np.ndarray:
        path = codes_folder() / f"{key}.npy"
        if path.is_file():
            return np.load(path)
        images = still_views(scenes.images, ["plain"])["plain"]
        codes = np.concatenate(
            [
                predict_in_batches(encoder, images, self.batch_size)
                for encoder in self.grid.encoders().values()
            ],
            axis=-1,
        ).astype(np.float32)
        _write(path, codes)
        return codes

    def _key(self, scenes: Scenes) -> str:
        digest = hashlib.sha256(scenes.images.tobytes())
        for encoder in self.grid.encoders().values():
            for weight in encoder.get_weights():
                digest.update(weight.tobytes())
        return digest.hexdigest()[:32]


def codes_folder() -> Path:
    return data_root() / "taskonomy_codes"


def keep_newest() -> None:
    """Removes files of codes but the newest."""
    files = codes_folder().glob("*.npy")
    for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-_KEPT_FILES]:
        old.unlink(missing_ok=True)


def _write(path: Path, codes: np.ndarray) -> None:
    """Whole or not at all: another run may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{id(codes)}.tmp")
    try:
        with unfinished.open("wb") as file:
            np.save(file, codes)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    keep_newest()


@dataclass(frozen=True)
class CodeBatches:
    """Batches of codes for transfers of one order.

    The codes are computed when batches are asked for, which is when the stage begins.
    """

    grid: Grid
    codes: FrozenCodes
    data: SceneData
    order: int
    beam: Mapping[str, int]
    batch_size: int
    seed: int

    def __call__(
        self, first_step: int, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        """Batches {"codes", "targets"}; the arguments are `StepBatches`'s."""
        scenes = self.data.transfer
        codes = tf.constant(self.codes.of(scenes))
        targets = {
            task: tf.constant(scenes.targets[task])
            for task in self.grid.transfers[self.order]
        }

        def make(step, rows):
            positions = step * self.batch_size + rows
            index = shuffled_indices(positions, len(scenes), self.seed)
            return {
                "codes": tf.gather(codes, index),
                "targets": {n: tf.gather(v, index) for n, v in targets.items()},
            }

        return StepBatches(make, self.batch_size)(first_step, rows, stride)

    def choose(self) -> None:
        """Combinations of the sources that transfer best, one by one.

        To be called before the stage; there is nothing to choose for single sources.
        """
        if self.order == 1:
            return
        for target, network in self.grid.transfers[self.order].items():
            losses = transfer_losses(
                self.grid, 1, target, self.codes, self.data.ranking
            )
            chosen = combinations_of_best(
                losses.mean(axis=1), self.grid.sources, target, self.order,
                self.beam[f"order_{self.order}"],
            )  # fmt: skip
            network.get_layer("choice").choice.assign(np.ravel(chosen))


def combinations_of_best(
    losses: np.ndarray, sources: tuple[str, ...], target: str, order: int, beam: int
) -> list[tuple[int, ...]]:
    """Numbers of sources, `order` at a time, among the `beam` of lowest loss."""
    ranked = [n for n in np.argsort(losses, kind="stable") if sources[n] != target]
    best = ranked[: min(beam, len(sources) - 1)]
    return list(combinations([int(n) for n in best], order))


def transfer_losses(
    grid: Grid, order: int, target: str, codes: FrozenCodes, scenes: Scenes
) -> np.ndarray:
    """float64 (candidates, images)."""
    answers = predict_in_batches(
        grid.transfers[order][target], codes.of(scenes), codes.batch_size
    )
    return _losses(target, scenes, answers)


def own_losses(
    network: keras.Model, task: str, scenes: Scenes, batch_size: int
) -> np.ndarray:
    """float64 (images,) of a network from images."""
    view = TASKS[task].view
    answering = keras.Model(network.inputs[0], network.output["answers"])
    inputs = still_views(scenes.images, [view])[view]
    return _losses(task, scenes, predict_in_batches(answering, inputs, batch_size))[0]


def _losses(task: str, scenes: Scenes, answers: np.ndarray) -> np.ndarray:
    found = losses_of(TASKS[task], scenes.targets[task], answers)
    return keras.ops.convert_to_numpy(found).astype(np.float64).T
