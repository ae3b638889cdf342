"""A paper's experiment for its speed alone: right shapes, any numbers.

Speed needs the networks, the learner and batches of the right shapes; it needs neither
the paper's pictures, which few machines have, nor trained weights, nor what an
evaluation asks for. At the paper scale data sets are mocked by TensorFlow Datasets;
where a loader cannot read a mock, the embedded set of the small scale is used at the
paper scale's sizes.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest import mock

import keras
import tensorflow_datasets as tfds

from benchmarks.configurations import Request
from cai_keras.cli import papers
from cai_keras.errors import CaiError, RunError
from cai_keras.training.config import Paper, Recipe
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.failures import one_line

SEED = 0
_MOCKED_EXAMPLES = 64
# How many pictures a loader takes: a mock has few. Of `data.in_memory`.
_ALL_OF_MOCK = {"train": None, "test": None, "validation": 0, "training_sample": 0}
# Of `data`: how many pictures an embedded set gives, and what is read beside them. None
# of it changes the shape of a batch.
_SMALL = ("test_pictures", "train_pictures", "train_images", "style")


def recipe_of(request: Request, data: str | None = None) -> Recipe:
    """The recipe of a request, without what only slows it down or needs files.

    Operations need not be deterministic, and evaluation is that of the smoke scale,
    whose feature networks come with the project.

    Args:
        data: a spec instead of the recipe's.
    """
    paper = papers.find_paper(request.paper)
    sets = [f"train.precision={request.precision}", "train.deterministic=false"]
    if request.batch_size is not None:
        sets.append(f"data.batch_size={request.batch_size}")
    recipe = paper.recipe(request.scale, request.variant, data, sets)
    smoke = paper.recipe("smoke", request.variant)
    return replace(recipe, evaluate=smoke.evaluate)


def networks_of(request: Request, recipe: Recipe) -> dict[str, keras.Model]:
    """All networks of a variant, by name."""
    with without_pretrained_weights():
        return _experiment_module(request.paper).networks(recipe)


def open_phase(request: Request) -> tuple[Recipe, Phase, Any]:
    """The recipe, the first phase of training, and one batch of it.

    Returns:
        the batch as NumPy arrays; None for real data.
    Raises:
        RunError: why the paper cannot be trained so on this machine.
    """
    attempts = list(_attempts(request))
    first_error = None
    for recipe, mocked in attempts:
        try:
            with mocked, without_pretrained_weights():
                return recipe, *_build(request, recipe)
        except Exception as error:
            # What the paper's own data says is the reason, not what a stand-in lacks.
            first_error = first_error or error
    if isinstance(first_error, CaiError):
        raise first_error
    kind = type(first_error).__name__
    raise RunError(f"cannot be built: {kind}: {one_line(first_error)}") from first_error


def _attempts(request: Request) -> Iterator[tuple[Recipe, Any]]:
    recipe = recipe_of(request)
    is_mocked = request.data == "synthetic" and recipe.data.spec.startswith("tfds:")
    if not is_mocked:
        yield recipe, nullcontext()
        return
    mocked = tfds.testing.mock_data(num_examples=_MOCKED_EXAMPLES)
    yield replace(recipe, data=_all_of_mock(recipe.data)), mocked
    paper = papers.find_paper(request.paper)
    yield _embedded(request, paper), nullcontext()


def _all_of_mock(data):
    in_memory = getattr(data, "in_memory", None)
    if in_memory is None:
        return data
    changes = {k: v for k, v in _ALL_OF_MOCK.items() if hasattr(in_memory, k)}
    return data.model_copy(update={"in_memory": in_memory.model_copy(update=changes)})


def _embedded(request: Request, paper: Paper) -> Recipe:
    small = paper.recipe("small", request.variant).data
    recipe = recipe_of(request, small.spec)
    changes = {k: getattr(small, k) for k in _SMALL if hasattr(small, k)}
    return replace(recipe, data=recipe.data.model_copy(update=changes))


def _build(request: Request, recipe: Recipe) -> tuple[Phase, Any]:
    experiment: Experiment = _experiment_module(request.paper).build(recipe, SEED)
    if not experiment.phases:
        raise RunError(f"{request.paper}: {request.variant} trains nothing")
    phase = experiment.phases[0]
    if phase.is_whole:
        raise RunError(
            f"{request.paper}: {request.variant} minimises a whole phase with L-BFGS, "
            "which has no single steps"
        )
    if phase.start is not None:
        phase.start()
    if request.data == "real":
        return phase, None
    return phase, next(iter(phase.batches(0).as_numpy_iterator()))


def _experiment_module(slug: str):
    # Not by `papers.builder_of`, which refuses backends that the engine lacks.
    return importlib.import_module(f"{papers.PACKAGE}.{slug}.experiment")


@contextmanager
def without_pretrained_weights() -> Iterator[None]:
    """Within it keras.applications makes networks with random weights: no download."""
    names = [
        name
        for name, value in vars(keras.applications).items()
        if callable(value) and not name.startswith("_")
    ]
    patches = {
        name: _with_random_weights(getattr(keras.applications, name)) for name in names
    }
    with mock.patch.multiple(keras.applications, **patches):
        yield


def _with_random_weights(make: Callable[..., keras.Model]) -> Callable:
    def made(*arguments, **options):
        return make(*arguments, **{**options, "weights": None})

    return made
