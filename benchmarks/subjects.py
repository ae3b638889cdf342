"""What a worker measures: a network's forward pass, or a learner's training step."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from benchmarks.configurations import Request
from benchmarks.costs import Cost
from benchmarks.example_inputs import example_inputs, image_shape_of
from benchmarks.stand_in import SEED, networks_of, open_phase, recipe_of
from benchmarks.stepping import Call
from cai_keras.errors import choose
from cai_keras.training.distribution import make_strategy
from cai_keras.training.experiment import Experiment
from cai_keras.training.preparation import (
    prepare,
    set_up_process,
    spread_seeds,
    state_of,
)


@dataclass(frozen=True)
class Subject:
    """Ready to be compiled.

    Attributes:
        make: compiles, and gives the call that takes steps.
        cycle: steps after which the same updates are due again.
        replicas: that share a batch.
        image_shape: see `rows.Configuration`.
    """

    make: Callable[[], Call]
    cycle: int
    replicas: int
    image_shape: tuple[int, ...]


def open_subject(request: Request, backend: ModuleType) -> Subject:
    """Builds what a request asks for.

    Raises:
        CaiError: why it cannot be built.
    """
    return {"infer": _inference, "train": _training}[request.kind](request, backend)


def network_costs(request: Request) -> dict[str, Cost | None]:
    """Of every network of a variant, in TensorFlow; None where it cannot be counted."""
    from benchmarks.operations import cost_of_network

    recipe = recipe_of(request)
    set_up_process(recipe, SEED)
    found = {}
    for name, network in networks_of(request, recipe).items():
        inputs = example_inputs(network, recipe.data, 1)
        found[name] = cost_of_network(network, inputs)
    return found


def training_cost(request: Request) -> Cost:
    """Of one training step, in TensorFlow.

    Raises:
        CaiError: the paper cannot be trained so on this machine.
    """
    from benchmarks.operations import cost_of_training

    set_up_process(recipe_of(request), SEED)
    recipe, phase, batch = open_phase(request)
    prepare(_alone(phase), recipe.train, 1)
    if batch is None:
        batch = next(iter(phase.batches(0).as_numpy_iterator()))
    return cost_of_training(phase.learner, batch)


def _inference(request: Request, backend: ModuleType) -> Subject:
    recipe = recipe_of(request)
    set_up_process(recipe, SEED)
    networks = networks_of(request, recipe)
    network = choose(f"{request.paper}: --network", request.network, networks)
    inputs = example_inputs(network, recipe.data, request.batch_size)
    on_device = backend.to_device(inputs)
    return Subject(
        make=partial(backend.inference, network, on_device, request.xla),
        cycle=1,
        replicas=1,
        image_shape=image_shape_of(inputs),
    )


def _training(request: Request, backend: ModuleType) -> Subject:
    strategy = make_strategy(request.strategy)
    replicas = strategy.num_replicas_in_sync
    set_up_process(recipe_of(request), SEED)
    with strategy.scope():
        recipe, phase, batch = open_phase(request)
        prepare(_alone(phase), recipe.train, replicas)
    spread_seeds(strategy, state_of(_alone(phase)))
    module = importlib.import_module(f"benchmarks.backends.{request.backend}_training")
    return Subject(
        make=partial(
            module.make_call, phase, recipe.train, batch, request.xla, strategy
        ),
        cycle=len(phase.learner.cycle),
        replicas=replicas,
        image_shape=() if batch is None else image_shape_of(batch),
    )


def _alone(phase) -> Experiment:
    """An experiment of this phase only: the engine prepares experiments."""
    return Experiment(phases=(phase,), evaluators={}, dataset=None)
