"""Three stages: the front end, the context module behind it, both together."""

from functools import partial

from cai_keras.errors import UsageError
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules
from cai_keras.training.stages import divide_steps

from . import data, evaluate, run_figures
from .learner import Segmenter
from .model import build_networks
from .pretrained import start_from
from .views import FrozenMaps, Tiles, View, training_crops


def networks(recipe) -> dict:
    """The networks of a variant, for parameter counts."""
    return build_networks(recipe).by_name


def build(recipe, seed: int) -> Experiment:
    """One variant: its images, its networks, and the stages of their training."""
    loaded, built = data.load(recipe.data), build_networks(recipe)
    start_from(built.front_end, recipe.model)
    settings = recipe.data
    mean, deviation = tuple(settings.channel_mean), settings.channel_deviation
    view = View(built.margin, built.stride, mean, deviation)
    training, test = (
        Tiles(images, view, tuple(settings.tile))
        for images in (loaded.train, loaded.test)
    )
    crops = partial(training_crops, loaded.train, view, mirror=settings.mirror)
    batches = {
        "front_end": crops(settings.crop, batch_size=settings.batch_size, seed=seed),
        "context": FrozenMaps(
            built.front_end,
            training,
            recipe.evaluate.batch_size,
            settings.context_batch_size,
            seed,
        ),
        "joint": crops(
            settings.joint_crop, batch_size=settings.joint_batch_size, seed=seed
        ),
    }
    both = built.both_logits()
    drawn = {"segmentations": partial(run_figures.draw_examples, both, test, built)}
    # A figure of the structure: one seed shows it for all.
    if built.context is not None and seed == recipe.seeds[0]:
        dilations = tuple(recipe.model.context.dilations)
        drawn["receptive_fields"] = partial(run_figures.draw_fields, dilations)
    return Experiment(
        phases=_stages(recipe, built, batches),
        evaluators={"test": partial(_measure, recipe, built, both, test, loaded)},
        figures=drawn,
        dataset=loaded.info,
    )


def _measure(recipe, built, both_logits, test: Tiles, loaded) -> dict:
    """Every test image once; the identity on the first ones."""
    asked, distances = recipe.evaluate, loaded.test.distances
    tally = evaluate.Tally(recipe.data.num_classes, asked.sight)
    found = evaluate.predictions(both_logits, test, asked.batch_size)
    for number, prediction in enumerate(found):
        tally.add(prediction, None if distances is None else distances[number])
    metrics = tally.metrics(loaded.passport)
    if built.context is not None:
        count = min(asked.identity_images, loaded.test.count)
        metrics |= evaluate.identity_metrics(
            built.front_end, built.context, test, count
        )
    return metrics


def _stages(recipe, built, batches) -> tuple[Phase, ...]:
    """The front end, a context module that there is, and both if they have steps."""
    learning = {
        "front_end": ("front_end",),
        "context": ("context",),
        "joint": ("front_end", "context"),
    }
    phases = []
    shares = vars(recipe.model.stages)
    for stage, steps in divide_steps(recipe.train.total_steps, shares).items():
        names = learning[stage]
        is_possible = set(names) <= built.by_name.keys()
        if steps and not is_possible:
            raise UsageError(f"model.stages.{stage}: {recipe.variant} has no context")
        if not is_possible or (stage == "joint" and not steps):
            continue
        rules = make_rules({stage: recipe.train.optimizers[stage]}, steps)
        parts = {name: built.by_name[name] for name in names}
        learner = Segmenter(parts, rules, built.logits(*names))
        phases.append(Phase(learner, batches[stage], steps, batches[stage].batch_size))
    return tuple(phases)
