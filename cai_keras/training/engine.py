"""The engine: trains, checkpoints, evaluates and records one run of any paper."""

import gc
import logging
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import keras
import tensorflow as tf

from cai_keras.errors import CaiError, RunError, UsageError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.pictures import png_bytes
from cai_keras.reporting.record import (
    Metric,
    Record,
    write_record,
)
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.checkpoint import CheckpointStore
from cai_keras.training.config import Recipe, load_resolved, resolved_yaml
from cai_keras.training.distribution import make_strategy
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.first_record import first_record
from cai_keras.training.machine import peak_memory_bytes
from cai_keras.training.run_log import RunLog
from cai_keras.training.step_loop import StepLoop

_LOG = logging.getLogger(__name__)

Build = Callable[[Recipe, int], Experiment]


class Reporter(Protocol):
    """Shows progress to a person; the command line has two of them."""

    def start(self, title: str, total: int, done: int, batch_size: int) -> None: ...
    def advance(self, done: int, losses: Mapping[str, float]) -> None: ...
    def message(self, text: str) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class RunRequest:
    """What to run and where.

    Attributes:
        paper_datasets: the paper's own data sets; any other is a stand-in.
        resume: continue from the newest checkpoint if there is one.
    """

    recipe: Recipe
    seed: int
    folder: RunFolder
    paper_datasets: tuple[str, ...]
    strategy: str = "one"
    resume: bool = False


class InterruptedRunError(RunError):
    """Ctrl-C or SIGTERM: the run is saved and can be resumed."""


def set_up_process(recipe: Recipe, seed: int) -> None:
    """Seeds, precision and determinism, before anything is built."""
    keras.backend.clear_session()
    gc.collect()  # the networks of the run before this one
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(recipe.train.precision)
    if recipe.train.deterministic:
        tf.config.experimental.enable_op_determinism()


def run(request: RunRequest, build: Build, reporter: Reporter) -> Record:
    """Trains and evaluates one variant with one seed; returns its final record.

    Raises:
        InterruptedRunError: after a signal; the record says `interrupted`.
        RunError: a loss was not finite, or evaluation failed; the record says `failed`.
        UsageError: another process is writing this run.
    """
    with ExitStack() as stack:
        stack.enter_context(request.folder.lock())
        return _Run(request, build, reporter, stack).execute()


def restore(recipe: Recipe, seed: int, folder: RunFolder, build: Build) -> Experiment:
    """The experiment of a finished run, with its trained weights.

    Raises:
        RunError: the run has networks and no readable checkpoint.
    """
    set_up_process(recipe, seed)
    with make_strategy("one").scope():
        experiment = build(recipe, seed)
    state = _state(experiment)
    if state:
        store = CheckpointStore(folder.checkpoints, state, keep=1)
        if store.newest is None:
            raise RunError(f"{folder.checkpoints}: no checkpoint; train the run first")
        for problem in store.restore():
            _LOG.warning("%s; using an older checkpoint", problem)
    return experiment


def evaluate(
    experiment: Experiment, between: Callable[[], None] = lambda: None
) -> dict[str, Metric]:
    """Every evaluator's metrics as `split/name`; `between` is called before each."""
    metrics = {}
    for split, evaluator in experiment.evaluators.items():
        between()
        for name, metric in evaluator().items():
            metrics[f"{split}/{name}"] = metric
    return metrics


class _Run:
    """The state of one call of `run`."""

    def __init__(self, request, build, reporter, stack):
        self.request = request
        self.recipe = request.recipe
        self.reporter = reporter
        self.stopping: list[str] = []
        stack.enter_context(_signals(self.stopping))
        self.started = time.monotonic()
        self._refuse_other_recipe()
        set_up_process(self.recipe, request.seed)
        with make_strategy(request.strategy).scope():
            self.experiment = build(self.recipe, request.seed)
            for phase in self.experiment.phases:
                phase.learner.build_optimizers()
        write_atomic(
            request.folder.config_path, resolved_yaml(self.recipe, request.seed)
        )
        if not request.resume:  # a later --resume must not find an older run's
            shutil.rmtree(request.folder.checkpoints, ignore_errors=True)
        self.store = CheckpointStore(
            request.folder.checkpoints,
            _state(self.experiment),
            self.recipe.train.keep_checkpoints,
        )
        problems = self.store.restore() if request.resume else []
        self.done = int(self.store.step)
        self.train_seconds = float(self.store.seconds)
        self.steady_seconds = 0.0
        self.steady_examples = 0
        previous = request.folder.record() if request.resume else None
        self.earlier_seconds = previous.wall_seconds if previous else 0.0
        planned = sum(phase.steps for phase in self.experiment.phases)
        self.log = RunLog(request.folder, self.done, self.done == planned)
        stack.callback(self.log.close)
        for problem in problems:
            self._say(problem)
        self.record = first_record(
            request.recipe,
            request.seed,
            self.experiment,
            request.strategy,
            request.paper_datasets,
        )

    def _refuse_other_recipe(self) -> None:
        path = self.request.folder.config_path
        if self.request.resume and path.exists():
            old = load_resolved(path, self.recipe.slug)
            if old.values != self.recipe.values:
                raise UsageError(f"{path}: a run with another config cannot go on")

    def execute(self) -> Record:
        self._write("running")
        trial = str(self.request.folder.path)
        self.log.hyperparameters(self.recipe.values, trial)
        try:
            self._train()
            metrics = evaluate(self.experiment, self._stop_if_asked)
            self._log_metrics(metrics)
            self._draw_figures()
            self._export_networks()
        except (InterruptedRunError, KeyboardInterrupt) as error:
            self._write("interrupted", reason=str(error) or "stopped twice")
            raise
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self._write("failed", reason=lines[0][:300])
            if isinstance(error, CaiError):
                raise
            kind = type(error).__name__
            raise RunError(f"{kind}: {lines[0][:300]} (--debug shows more)") from error
        finally:
            self.reporter.stop()
        self._write("done", metrics=metrics)
        return self.record

    def _train(self) -> None:
        first = 0
        for number, phase in enumerate(self.experiment.phases):
            if self.done < first + phase.steps:
                self._train_phase(number, phase, first)
            first += phase.steps

    def _train_phase(self, number: int, phase: Phase, first: int) -> None:
        title = f"{self.request.folder.path.parent.name} seed {self.request.seed}"
        if len(self.experiment.phases) > 1:
            title += f" phase {number + 1}"
        end = first + phase.steps
        self.reporter.start(title, end, self.done, phase.batch_size)
        dataset = phase.batches(self.done - first)
        loop = StepLoop(phase.learner, dataset.element_spec)
        iterator = iter(dataset)
        # The first call compiles and fills the pipeline: it does not count as speed.
        warm = False
        while self.done < end:
            begin = time.perf_counter()
            result = loop.run(iterator, self._steps_until_event(end))
            seconds = time.perf_counter() - begin
            self.done += result.steps
            self.train_seconds += seconds
            if warm:
                self.steady_seconds += seconds
                self.steady_examples += result.steps * phase.batch_size
            warm = True
            self._after_call(result, end)

    def _after_call(self, result, end: int) -> None:
        train = self.recipe.train
        if result.broken:
            self._fail_on(result)
        self.reporter.advance(self.done, result.losses)
        if self.done % train.log_every == 0 or self.done == end:
            self.log.scalars("train", self.done, result.losses)
        last = self.done == end
        # Before the checkpoint: a run that is killed in here makes both up for it.
        if not last and _due(self.done, train.evaluate_every):
            self._validate()
        if last or self.stopping or _due(self.done, train.checkpoint_every):
            self._save()
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        """Ends the run after a signal, where the newest checkpoint is up to date."""
        if self.stopping:
            raise InterruptedRunError(
                f"stopped by {self.stopping[0]} after step {self.done}; "
                "continue with --resume"
            )

    def _steps_until_event(self, end: int) -> int:
        """Steps in the next call: it must end where something is due."""
        train = self.recipe.train
        ends = [end, self.done + train.steps_per_call]
        for period in (train.log_every, train.evaluate_every, train.checkpoint_every):
            if period:
                ends.append((self.done // period + 1) * period)
        return min(ends) - self.done

    def _fail_on(self, result) -> None:
        update, _, loss = result.broken.partition("/")
        value = result.losses[result.broken]
        saved = self.store.newest or "none was written"
        raise RunError(
            f"update {update!r}: the loss {loss!r} is {value} at step {self.done}; "
            f"last good checkpoint: {saved}"
        )

    def _validate(self) -> None:
        evaluator = self.experiment.evaluators.get("validation")
        if evaluator is not None:
            metrics = evaluator()
            self._log_metrics({f"validation/{k}": v for k, v in metrics.items()})

    def _log_metrics(self, metrics: Mapping[str, Metric]) -> None:
        for name, metric in metrics.items():
            group, _, short = name.partition("/")
            if metric.value is not None:
                self.log.scalars(group, self.done, {short: metric.value})
            self.log.message(f"step {self.done} {name} {metric.value}")

    def _draw_figures(self) -> None:
        for name, draw in self.experiment.figures.items():
            png = png_bytes(draw())
            write_atomic(self.request.folder.figures / f"{name}.png", png)
            self.log.figure("figures", self.done, name, png)

    def _export_networks(self) -> None:
        """Whole networks, so that others can load them with Keras alone."""
        folder = self.request.folder.checkpoints
        for name, network in self.experiment.networks().items():
            folder.mkdir(parents=True, exist_ok=True)
            network.save(folder / f"{name}.keras")

    def _save(self) -> None:
        self._refuse_bad_weights()
        self.store.save(self.done, self.train_seconds)
        self._write("running")

    def _refuse_bad_weights(self) -> None:
        """A finite loss can have a NaN gradient: only the next loss would show it."""
        for name, network in self.experiment.networks().items():
            for weight in network.weights:
                if not keras.ops.all(keras.ops.isfinite(weight)):
                    saved = self.store.newest or "none was written"
                    raise RunError(
                        f"network {name!r}: {weight.path} is not finite after step "
                        f"{self.done}; last good checkpoint: {saved}"
                    )

    def _say(self, text: str) -> None:
        self.reporter.message(text)
        self.log.message(text)

    def _write(self, state: str, **changes) -> None:
        speed = None
        if self.steady_seconds:
            speed = self.steady_examples / self.steady_seconds
        self.record = self.record.model_copy(
            update={
                "state": state,
                "reason": None,
                "steps_done": self.done,
                "wall_seconds": self.earlier_seconds + time.monotonic() - self.started,
                "train_seconds": self.train_seconds,
                "examples_per_second": speed,
                "peak_memory_bytes": peak_memory_bytes(),
                **changes,
            }
        )
        write_record(self.request.folder.record_path, self.record)
        self.log.message(f"{state} at step {self.done} {self.record.reason or ''}")


def _state(experiment: Experiment) -> dict[str, keras.Variable]:
    state = {}
    for number, phase in enumerate(experiment.phases):
        phase.learner.build_optimizers()
        for name, variable in phase.learner.state().items():
            state[f"{number}/{name}"] = variable
    return state


def _due(step: int, period: int) -> bool:
    return bool(period) and step % period == 0


@contextmanager
def _signals(stopping: list[str]):
    """Turns the first SIGINT or SIGTERM into a note; the second one acts at once.

    Stopping between two calls keeps weights, step and data position consistent.
    """

    def note(number, frame):
        if stopping:
            raise KeyboardInterrupt
        stopping.append(signal.Signals(number).name)

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:
        yield  # not the main thread: a notebook's or a test's own business
        return
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
