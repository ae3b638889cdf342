"""One point of a scaling curve: the steps of some replicas, in processes of their own.

    python -m benchmarks.scaling_worker REQUEST RESULT

`benchmarks.scaling` starts it, once for each worker of a cluster.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from benchmarks.child_call import answer
from benchmarks.rates import Clock, calls_in
from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.errors import RunError, UsageError
from cai_keras.training.timing import interleave


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a step in each repeat, and of the same step without its all-reduce.

    Raises:
        CaiError: there are not so many replicas, or the variant cannot be built here.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = request["visible_gpus"]
    load_tensorflow(logical_cpus=request["logical_cpus"])
    from cai_keras.training.distribution import make_strategy
    from cai_keras.training.machine import describe_machine
    from cai_keras.training.preparation import (
        prepare,
        set_up_process,
        spread_seeds,
        state_of,
    )

    replicas = request["replicas"]
    strategy = make_strategy(request["strategy"], "tf_config")
    if strategy.num_replicas_in_sync != replicas:
        raise RunError(
            f"{replicas} replicas asked for, {strategy.num_replicas_in_sync} are there"
        )
    paper = papers.find_paper(request["paper"])
    sets = [f"data.batch_size={request['batch_size']}"]
    recipe = paper.recipe(request["scale"], request["variant"], request["data"], sets)
    set_up_process(recipe, recipe.seeds[0])
    with strategy.scope():
        experiment = papers.builder_of(paper)(recipe, recipe.seeds[0])
        prepare(experiment, recipe.train, replicas)
    spread_seeds(strategy, state_of(experiment))
    phase = first_phase(experiment)
    if phase.start is not None:
        with strategy.scope():
            phase.start()
    calls = make_calls(phase, experiment, strategy)
    cycle = len(phase.learner.cycle)
    return {
        "environ": describe_machine().model_dump(),
        "batch_size": phase.batch_size,
        **time_steps(calls, cycle, strategy, request["seconds"], request["repeats"]),
    }


def first_phase(experiment):
    """The first phase that is trained in steps.

    Raises:
        UsageError: it is one minimisation, or there is none.
    """
    for phase in experiment.phases:
        if phase.is_whole:
            raise UsageError("a phase that is one minimisation has one replica")
        if phase.steps:
            return phase
    raise UsageError("no phase of this variant has a step")


def make_calls(phase, experiment, strategy) -> dict[str, Callable[[int], None]]:
    """`step` and, of several replicas, `without`: each takes a number of steps."""
    from benchmarks.cached_batches import CachedBatches
    from cai_keras.training.distribution import distribute_batches
    from cai_keras.training.step_loop import StepLoop

    batches = CachedBatches(phase.batches)

    def make_call():
        dataset = distribute_batches(strategy, batches, 0, phase.batch_size)
        loop = StepLoop(
            phase.learner,
            dataset.element_spec,
            strategy,
            phase.batch_size,
            check_finite=False,  # replicas that learn apart may diverge
        )
        iterator = iter(dataset)
        return lambda steps: loop.run(iterator, steps)

    calls = {"step": make_call()}
    if strategy.num_replicas_in_sync > 1:
        with without_all_reduce(experiment):
            calls["without"] = make_call()
    return calls


@contextmanager
def without_all_reduce(experiment) -> Iterator[None]:
    """Steps that are traced within it leave every replica with its own gradients.

    Nor do batch normalisations ask other replicas for their moments. What stays are
    the sums of the losses and the means of moving averages, which are small.
    """
    from cai_keras.training import tensorflow_step
    from cai_keras.training.preparation import batch_norm_layers

    norms = list(batch_norm_layers(experiment.networks().values()))
    before = [layer.synchronized for layer in norms]
    for layer in norms:
        layer.synchronized = False
    try:
        with mock.patch.object(tensorflow_step, "sum_over_replicas", list):
            yield
    finally:
        for layer, value in zip(norms, before, strict=True):
            layer.synchronized = value


def time_steps(
    calls: Mapping[str, Callable[[int], object]],
    cycle: int,
    strategy,
    seconds: float,
    repeats: int,
    clock: Clock = time.perf_counter,
) -> dict[str, Any]:
    """Seconds of a step in each repeat, the calls taking turns.

    All workers of a cluster must take the same steps: the first one's clock says how
    many there are.

    Args:
        cycle: steps after which the pattern of updates repeats.
        seconds: of one repeat.
    """
    for call in calls.values():
        call(cycle)  # compiles
    begin = clock()
    for call in calls.values():
        call(cycle)
    one = (clock() - begin) / (cycle * len(calls))
    steps = _agreed(strategy, calls_in(seconds, one, cycle, most=1024))
    for call in calls.values():
        call(steps)  # not counted
    turns = {name: lambda call=call: call(steps) for name, call in calls.items()}
    found = interleave(turns, repeats, clock)
    return {
        "steps": steps,
        **{
            f"{name}_seconds": [whole / steps for whole in wholes]
            for name, wholes in found.items()
        },
    }


def _agreed(strategy, steps: int) -> int:
    """The first worker's number, on all of them."""
    from cai_keras.training.distribution import is_chief, sum_over_processes

    return round(
        sum_over_processes(strategy, float(steps if is_chief(strategy) else 0))
    )


def main() -> None:
    answer(measure)


if __name__ == "__main__":
    main()
