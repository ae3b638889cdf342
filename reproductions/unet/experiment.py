"""U-Net: tiles of a few annotated images, deformed; whole images segmented."""

from functools import partial

from cai_keras.errors import UsageError
from cai_keras.networks.unet import UNetSettings, build_unet, margin_of
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules

from . import data, run_figures
from .evaluate import measure
from .inference import Segmenter
from .learner import PixelClassifier
from .tiles import tile_batches

CLASSES = 2  # background and objects


def networks(recipe) -> dict:
    """The network of a variant, for parameter counts."""
    side = recipe.data.tile_side
    try:
        network = build_unet(settings_of(recipe.model), (side, side, 1), CLASSES)
    except ValueError as error:
        raise UsageError(f"data.tile_side, model: {error}") from None
    return {"unet": network}


def settings_of(model) -> UNetSettings:
    """The library's settings of a recipe's section `model`."""
    return UNetSettings(
        filters=model.filters,
        depth=model.depth,
        padding=model.padding,
        dropout=model.dropout,
        skip=model.skip,
        up_filters=None if model.up_filters is None else tuple(model.up_filters),
    )


def build(recipe, seed: int) -> Experiment:
    """One variant: its images, its network and its learner."""
    loaded = data.load(recipe.data, seed)
    built = networks(recipe)
    settings = settings_of(recipe.model)
    steps, batch_size = recipe.train.total_steps, recipe.data.batch_size
    batches = tile_batches(loaded.train, recipe.data, margin_of(settings), seed)
    learner = PixelClassifier(built, make_rules(recipe.train.optimizers, steps))
    segmenter = Segmenter(built["unet"], settings, recipe.evaluate.batch_size)
    test = loaded.test
    return Experiment(
        phases=(Phase(learner, batches, steps, batch_size),),
        evaluators={"test": lambda: measure(segmenter, test, recipe.evaluate)},
        figures={
            "overlap_tile": partial(run_figures.overlap_tile, segmenter, test, recipe),
            "segmentation": partial(run_figures.segmentation, segmenter, test, recipe),
            "training_tiles": partial(run_figures.training_tiles, batches, settings),
        },
        dataset=loaded.info,
    )
