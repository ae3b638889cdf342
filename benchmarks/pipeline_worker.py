"""The input pipeline and the training of one variant, in a process of its own.

    python -m benchmarks.pipeline_worker REQUEST RESULT

`benchmarks.pipelines` starts it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.child_call import answer
from benchmarks.rates import Clock, calls_in, take_turns
from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow

# A call of the compiled loop lasts about this long: the time to enter and to leave it
# does not show then.
_CALL_SECONDS = 0.05


@dataclass
class Loop:
    """Training on a stream of batches.

    Attributes:
        run: steps -> seconds that it waited for batches.
        cycle: steps after which the pattern of updates repeats.
    """

    run: Callable[[int], float]
    cycle: int


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """{"environ": ..., "phases": [...]} of the request's variant.

    Raises:
        CaiError: the data are absent, or the variant cannot be built here.
    """
    load_tensorflow()
    from cai_keras.training.distribution import make_strategy
    from cai_keras.training.machine import describe_machine
    from cai_keras.training.preparation import prepare, set_up_process

    paper = papers.find_paper(request["paper"])
    recipe = paper.recipe(request["scale"], request["variant"], request["data"])
    set_up_process(recipe, recipe.seeds[0])
    experiment = papers.builder_of(paper)(recipe, recipe.seeds[0])
    prepare(experiment, recipe.train, replicas=1)
    strategy = make_strategy("one")
    phases = []
    for number, phase in enumerate(experiment.phases, start=1):
        if not phase.steps:
            continue
        if phase.start is not None:
            phase.start()
        found = measure_phase(phase, recipe.train, strategy, request)
        phases.append({"phase": number, "phases": len(experiment.phases), **found})
    return {
        "environ": describe_machine().model_dump(),
        "data": recipe.data.spec,
        "phases": phases,
    }


def measure_phase(
    phase, train, strategy, request: Mapping[str, Any], clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """Examples a second of the pipeline alone, of training alone, and of both."""
    from benchmarks.cached_batches import CachedBatches

    cached = replace(phase, batches=CachedBatches(phase.batches))
    loops = {
        "training": make_loop(cached, train, strategy),
        "together": make_loop(phase, train, strategy),
    }
    cycle = loops["training"].cycle
    begin = clock()
    for loop in loops.values():
        loop.run(cycle)  # compiles
    pull = make_pull(phase.batches(0))
    pull(1)
    first = clock() - begin
    begin = clock()
    loops["training"].run(cycle)
    steps = calls_in(_CALL_SECONDS, (clock() - begin) / cycle, cycle)
    waited = []

    def training():
        loops["training"].run(steps)
        return steps * phase.batch_size

    def together():
        begin = clock()
        seconds = loops["together"].run(steps)
        waited.append((seconds, clock() - begin))
        return steps * phase.batch_size

    def pipeline():
        pull(steps)
        return steps * phase.batch_size

    works = {"pipeline": pipeline, "training": training, "together": together}
    turn = request["seconds"] / request["rounds"]
    found = take_turns(works, request["rounds"], turn, clock)
    return {
        "batch_size": phase.batch_size,
        "steps_per_call": steps,
        "first_seconds": first,
        "samples_per_second": {
            name: [stretch.per_second for stretch in stretches]
            for name, stretches in found.items()
        },
        "wait_share": sum(w for w, _ in waited) / sum(whole for _, whole in waited),
    }


def make_loop(phase, train, strategy) -> Loop:
    """The engine's own loop over the phase's batches."""
    from cai_keras.training.training_loop import Clock as TrainingClock
    from cai_keras.training.training_loop import PhaseLoop

    # A batch that is learned by heart for seconds may end in numbers that are not
    # finite; that is no failure here.
    loop = PhaseLoop(
        phase, 0, train.model_copy(update={"check_finite": False}), strategy
    )
    clock = TrainingClock()

    def run(steps):
        return loop.run(steps, clock).wait_seconds

    return Loop(run, len(phase.learner.cycle))


def make_pull(dataset) -> Callable[[int], None]:
    """Takes batches and throws them away, as fast as the training's loop takes them."""
    import keras
    import tensorflow as tf

    if keras.backend.backend() == "jax":
        arrays = dataset.as_numpy_iterator()
        return lambda count: _take(arrays, count)

    @tf.function
    def take(iterator, count):
        for _ in tf.range(count):
            next(iterator)

    iterator = iter(dataset)
    return lambda count: take(iterator, tf.constant(count))


def _take(iterator: Iterator, count: int) -> None:
    for _ in range(count):
        next(iterator)


def main() -> None:
    answer(measure)


if __name__ == "__main__":
    main()
