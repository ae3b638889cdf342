"""Labelled pictures, or points of a ring; and latent vectors for both players."""

from dataclasses import dataclass

import tensorflow as tf

from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace, with_latents
from cai_keras.data.picture_sets import (
    PictureSet,
    in_range,
    load_picture_set,
    problems_of,
)
from cai_keras.data.row_random import RowRandom
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError, choose

__all__ = ["problems_of"]

_WRONG_LABEL = 200  # a stream of random numbers, far from those of latent vectors


@dataclass(frozen=True)
class Loaded:
    """What a variant learns from.

    Attributes:
        source: of the examples.
        batches: of them, of latent vectors and of the labels that are asked for.
        info: for the record.
    """

    source: PictureSet | GaussianRing
    batches: StepBatches
    info: object


def latent_space(model) -> LatentSpace:
    """Of a recipe's section `model`."""
    return LatentSpace(model.latent.size, model.latent.distribution)


def load_pictures(recipe, seed: int) -> Loaded:
    """Labelled pictures in the range of the generator's output.

    Raises:
        UsageError: they have no labels, or other classes than the networks.
    """
    found, classes = load_picture_set(recipe.data), recipe.model.classes
    labels = found.train.labels
    if labels is None or labels.max() >= classes:
        raise UsageError(
            f"data spec {recipe.data.spec}: expected labels of model.classes = "
            f"{classes} classes"
        )
    real = found.train.batches(recipe.data.batch_size, seed)
    batches = _asked(in_range(real, recipe.model.output), recipe, seed)
    return Loaded(found, batches, found.info)


def load_ring(recipe, seed: int) -> Loaded:
    """Points of eight Gaussians, labelled by their modes, whatever data is named."""
    settings, size = recipe.data.ring, recipe.data.batch_size
    if settings.modes != recipe.model.classes:
        raise UsageError(
            f"data.ring.modes: expected model.classes = {recipe.model.classes}, found "
            f"{settings.modes}"
        )
    ring = GaussianRing(settings.modes, settings.radius, settings.deviation)
    # A fresh one at every place of every batch.
    count = max(1, recipe.train.total_steps) * size
    info = ring.info(count, recipe.evaluate.points.samples)
    return Loaded(ring, _asked(ring.batches(size, seed), recipe, seed), info)


def _asked(batches: StepBatches, recipe, seed: int) -> StepBatches:
    """Adds latent vectors and the labels that both players' updates ask for."""
    space, classes = latent_space(recipe.model), recipe.model.classes
    asked = with_latents(batches, space, seed, classes, real_labels=True)
    change = choose("data.real_labels", recipe.data.real_labels, _REAL_LABELS)
    return change(asked, classes, seed)


def with_wrong_labels(batches: StepBatches, classes: int, seed: int) -> StepBatches:
    """Real examples get a label drawn uniformly; what is asked for stays."""

    def make(step, rows):
        random = RowRandom(seed, step, rows, batches.batch_size)
        label = random.uniform(_WRONG_LABEL, maxval=classes, dtype=tf.int32)
        return {**batches.make(step, rows), "label": label}

    return StepBatches(make, batches.batch_size)


def _kept(batches: StepBatches, classes: int, seed: int) -> StepBatches:
    return batches


_REAL_LABELS = {"kept": _kept, "shuffled": with_wrong_labels}
