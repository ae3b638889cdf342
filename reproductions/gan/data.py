"""Pictures, or points that are drawn; and latent vectors for both players."""

from dataclasses import dataclass

from cai_keras.data.gaussian_ring import GaussianRing
from cai_keras.data.latents import LatentSpace, with_latents
from cai_keras.data.picture_sets import (
    PictureSet,
    in_range,
    load_picture_set,
    problems_of,
)
from cai_keras.data.step_batches import StepBatches

from .densities import NormalDensities
from .evaluate import DENSITY_PLACES

__all__ = ["problems_of"]


@dataclass(frozen=True)
class Loaded:
    """What a variant learns from.

    Attributes:
        source: of the examples.
        batches: of them and of latent vectors.
        info: for the record.
    """

    source: PictureSet | GaussianRing | NormalDensities
    batches: StepBatches
    info: object


def latent_space(model) -> LatentSpace:
    """Of a recipe's section `model`."""
    return LatentSpace(model.latent.size, model.latent.distribution)


def load_pictures(recipe, seed: int) -> Loaded:
    """Pictures in the range of the generator's output."""
    found = load_picture_set(recipe.data)
    real = found.train.batches(recipe.data.batch_size, seed)
    batches = in_range(real, recipe.model.output)
    return Loaded(found, _with_latents(batches, recipe, seed), found.info)


def load_ring(recipe, seed: int) -> Loaded:
    """Points of eight Gaussians, whatever data the recipe names."""
    settings = recipe.data.ring
    ring = GaussianRing(settings.modes, settings.radius, settings.deviation)
    return _drawn(ring, recipe, seed, recipe.evaluate.points.samples)


def load_densities(recipe, seed: int) -> Loaded:
    """Points of a normal density, whatever data the recipe names."""
    settings = recipe.data.densities
    pair = [(each.mean, each.deviation) for each in (settings.real, settings.generated)]
    return _drawn(NormalDensities(*pair), recipe, seed, DENSITY_PLACES)


def _drawn(source, recipe, seed: int, samples: int) -> Loaded:
    size = recipe.data.batch_size
    # A fresh one at every place of every batch.
    info = source.info(max(1, recipe.train.total_steps) * size, samples)
    batches = _with_latents(source.batches(size, seed), recipe, seed)
    return Loaded(source, batches, info)


def _with_latents(batches: StepBatches, recipe, seed: int) -> StepBatches:
    return with_latents(batches, latent_space(recipe.model), seed)
