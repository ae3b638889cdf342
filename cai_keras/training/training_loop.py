"""One phase of training: the stream of batches, the compiled loop, what is due."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from cai_keras.data.service import ServedBatches
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import CaiError, RunError, UsageError
from cai_keras.training.distribution import distribute_batches
from cai_keras.training.experiment import Phase
from cai_keras.training.failures import WriteError, one_line, writing
from cai_keras.training.lbfgs_loop import LbfgsLoop
from cai_keras.training.loop_result import CallResult
from cai_keras.training.settings import TrainSettings


@dataclass
class Clock:
    """Seconds of training, and how they were spent.

    Attributes:
        train_seconds: in calls of the loop, those of earlier sessions included.
        steady_seconds, steady_examples: without the first call, which compiles and
            fills the pipeline.
        wait_seconds: of steady_seconds, waiting for the next batch.
    """

    train_seconds: float = 0.0
    steady_seconds: float = 0.0
    steady_examples: int = 0
    wait_seconds: float = 0.0

    def add(self, result: CallResult, seconds: float, examples: int, warm: bool):
        self.train_seconds += seconds
        if warm:
            self.steady_seconds += seconds
            self.steady_examples += examples
            self.wait_seconds += result.wait_seconds

    @property
    def examples_per_second(self) -> float | None:
        if not self.steady_seconds:
            return None
        return self.steady_examples / self.steady_seconds

    @property
    def wait_share(self) -> float | None:
        """Share of the time that the loop waited for data, in [0, 1]."""
        if not self.steady_seconds:
            return None
        return min(self.wait_seconds / self.steady_seconds, 1.0)


class PhaseLoop:
    """Trains one phase call by call.

    Args:
        phase: learner and batches.
        first: step of the phase to begin with.
        train: the recipe's settings.
        strategy: of the run.
    """

    def __init__(self, phase: Phase, first: int, train: TrainSettings, strategy):
        self._phase = phase
        self._clock_is_warm = False
        self._position = first
        try:
            batches = phase.batches
            if train.data_service:
                batches = ServedBatches(batches, train.data_service)
            dataset = distribute_batches(strategy, batches, first, phase.batch_size)
            self._loop = _compile(phase, dataset, train, strategy)
            self._iterator = _iterate(dataset)
        except tf.errors.OpError as error:
            raise self._explained(error, steps=1) from error

    def run(self, steps: int, clock: Clock) -> CallResult:
        """Takes up to `steps` steps.

        Raises:
            RunError: the data pipeline failed; names the step and the example.
        """
        begin = time.perf_counter()
        try:
            result = self._loop.run(self._iterator, steps)
        except (tf.errors.OpError, StopIteration) as error:
            raise self._explained(error, steps) from error
        seconds = time.perf_counter() - begin
        examples = result.steps * self._phase.batch_size
        clock.add(result, seconds, examples, self._clock_is_warm)
        self._clock_is_warm = True
        self._position += result.steps
        return result

    def _explained(self, error: Exception, steps: int) -> Exception:
        """A RunError that names the element if the data is at fault.

        The batches of the call are made once more: after an error in a compiled
        loop neither the step counter nor the iterator says how far it came.
        """
        position = self._position
        iterator = iter(self._phase.batches(position))
        for step in range(position, position + steps):
            try:
                next(iterator)
            except StopIteration:
                return RunError(f"data: the batches ended before step {step + 1}")
            except tf.errors.OpError as problem:
                return RunError(f"data: {self._element(step)}: {one_line(problem)}")
        return error

    def _element(self, step: int) -> str:
        """The first example that cannot be made alone, else the whole batch."""
        batches = self._phase.batches
        rows = batches.batch_size if isinstance(batches, StepBatches) else 0
        for row in range(rows):
            try:
                next(iter(batches(step, range(row, row + 1))))
            except tf.errors.OpError:
                return f"example {row} of the batch of step {step + 1} cannot be made"
        return f"the batch of step {step + 1} cannot be made"


def steps_until_event(done: int, end: int, train: TrainSettings, stops=()) -> int:
    """Steps in the next call: it must end where something is due.

    Args:
        done: steps taken so far.
        end: last step of the phase.
        stops: further steps at which a call must end.
    """
    ends = [end, done + train.steps_per_call, *(stop for stop in stops if stop > done)]
    for period in (train.log_every, train.evaluate_every, train.checkpoint_every):
        if period:
            ends.append((done // period + 1) * period)
    return min(ends) - done


class Profiler:
    """Writes a TensorBoard profile of the steps after `first` up to `last`.

    Args:
        folder: of TensorBoard's log.
        window: (first, last) steps, or None for no profile.
    """

    def __init__(self, folder: Path, window: tuple[int, int] | None):
        self._folder = folder
        self.stops = window or ()
        self._running = False
        self._has_run = False

    def at(self, done: int) -> None:
        """Starts or stops where it is due after `done` steps."""
        if not self.stops:
            return
        first, last = self.stops
        if not self._running and first <= done < last:
            _start_profile(str(self._folder))
            self._running = self._has_run = True
        elif self._running and done >= last:
            self.close()

    @property
    def is_unused(self) -> bool:
        """A profile was asked for and none of its steps was taken."""
        return bool(self.stops) and not self._has_run

    def close(self) -> None:
        if self._running:
            self._running = False
            with writing(self._folder):
                _stop_profile()

    def abandon(self) -> None:
        """Closes where a run ends early: why it does is not for a full disk to hide."""
        with contextlib.suppress(WriteError):
            self.close()


def _start_profile(folder: str) -> None:
    if keras.backend.backend() == "jax":
        import jax

        jax.profiler.start_trace(folder)
    else:
        tf.profiler.experimental.start(folder)


def _stop_profile() -> None:
    if keras.backend.backend() == "jax":
        import jax

        jax.profiler.stop_trace()
    else:
        tf.profiler.experimental.stop()


def _compile(phase: Phase, dataset, train: TrainSettings, strategy):
    if phase.is_whole:
        if strategy.num_replicas_in_sync > 1:
            raise UsageError("optimizer lbfgs: needs one replica; use --strategy one")
        return LbfgsLoop(phase.learner, phase.batch_size, train.check_finite)
    if keras.backend.backend() == "jax":
        from cai_keras.training.jax_loop import JaxStepLoop

        return JaxStepLoop(phase.learner, phase.batch_size, train.check_finite)
    from cai_keras.training.step_loop import StepLoop

    return StepLoop(
        phase.learner,
        dataset.element_spec,
        strategy,
        phase.batch_size,
        check_finite=train.check_finite,
        jit_compile=_use_xla(train, strategy),
    )


def _use_xla(train: TrainSettings, strategy) -> bool:
    """XLA where it is faster: on one GPU. On CPUs it is 2 to 4 times slower."""
    single = strategy.num_replicas_in_sync == 1
    if train.xla == "auto":
        return single and bool(tf.config.list_logical_devices("GPU"))
    if train.xla and not single:
        raise CaiError("train.xla: needs one replica; use auto or false")
    return train.xla


def _iterate(dataset) -> Iterator:
    if keras.backend.backend() == "jax":
        return dataset.as_numpy_iterator()
    return iter(dataset)
