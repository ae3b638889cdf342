"""Evaluates an experiment: with its averaged weights, or from a run's checkpoint."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

from cai_keras.errors import RunError
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.checkpoint import CheckpointStore
from cai_keras.training.config import Recipe
from cai_keras.training.experiment import Experiment
from cai_keras.training.preparation import prepare, set_up_process, state_of

_LOG = logging.getLogger(__name__)

Build = Callable[[Recipe, int], Experiment]


def restore(
    recipe: Recipe, seed: int, folder: RunFolder, build: Build, best: bool = False
) -> Experiment:
    """The experiment of a finished run, with its trained weights.

    Args:
        best: the weights of the best checkpoint instead of the last.
    Raises:
        RunError: the run has networks and no readable checkpoint.
    """
    set_up_process(recipe, seed)
    experiment = build(recipe, seed)
    prepare(experiment, recipe.train, replicas=1)
    state = state_of(experiment)
    if state:
        store = CheckpointStore(folder.checkpoints, state, keep=1, writes=False)
        if (store.best if best else store.newest) is None:
            kind = "best checkpoint; set train.keep_best" if best else "checkpoint"
            raise RunError(f"{folder.checkpoints}: no {kind}; train the run first")
        for problem in store.restore(best):
            _LOG.warning("%s; using an older checkpoint", problem)
    return experiment


def evaluate(
    experiment: Experiment, recipe: Recipe, between: Callable[[], None] = lambda: None
) -> dict[str, Metric]:
    """Every evaluator's metrics as `split/name`; `between` is called before each."""
    metrics = {}
    with evaluation_weights(experiment, recipe):
        for split, evaluator in experiment.evaluators.items():
            between()
            for name, metric in evaluator().items():
                metrics[f"{split}/{name}"] = metric
    return metrics


def measure_series(experiment: Experiment, recipe: Recipe) -> dict[str, list[float]]:
    """Every series of the experiment, by its name."""
    with evaluation_weights(experiment, recipe):
        return {
            name: [float(value) for value in measure()]
            for name, measure in experiment.series.items()
        }


def evaluation_weights(experiment: Experiment, recipe: Recipe):
    """Within it networks have their averaged weights, where the recipe says so."""
    if recipe.train.ema is None or not recipe.train.ema.use_for_evaluation:
        return nullcontext()
    stack = ExitStack()
    for phase in experiment.phases:
        stack.enter_context(phase.learner.averages.swapped_in())
    return stack
