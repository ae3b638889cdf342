"""The engine: trains, checkpoints, evaluates and records one run of any paper."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras

from cai_keras.errors import CaiError, RunError, UsageError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.hyperparameters import hyperparameters_of
from cai_keras.reporting.record import Metric, Record, write_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.artifacts import (
    draw_figures,
    export_networks,
    show_progress,
    write_embeddings,
)
from cai_keras.training.checkpoint import CheckpointStore
from cai_keras.training.config import Recipe, load_resolved, resolved_yaml
from cai_keras.training.distribution import (
    is_chief,
    is_multi_process,
    make_strategy,
    strategy_label,
    sum_over_processes,
)
from cai_keras.training.evaluation import (
    Build,
    evaluate,
    evaluation_weights,
    measure_series,
)
from cai_keras.training.experiment import Phase
from cai_keras.training.failures import WriteError, one_line, writing
from cai_keras.training.first_record import first_record
from cai_keras.training.machine import peak_memory_bytes
from cai_keras.training.preparation import (
    prepare,
    set_up_process,
    spread_seeds,
    state_of,
)
from cai_keras.training.run_log import RunLog
from cai_keras.training.signals import noted_signals
from cai_keras.training.training_loop import (
    Clock,
    PhaseLoop,
    Profiler,
    steps_until_event,
)


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
        strategy: a name of `distribution.STRATEGIES`; the recipe's if None.
        resume: continue from the newest checkpoint if there is one.
        profile: write a TensorBoard profile of the steps after the first number up
            to the second.
        code: digest of the code, for the record.
    """

    recipe: Recipe
    seed: int
    folder: RunFolder
    paper_datasets: tuple[str, ...]
    strategy: str | None = None
    resume: bool = False
    profile: tuple[int, int] | None = None
    code: str | None = None


class InterruptedRunError(RunError):
    """Ctrl-C or SIGTERM: the run is saved and can be resumed."""


def run(request: RunRequest, build: Build, reporter: Reporter) -> Record:
    """Trains and evaluates one variant with one seed; returns its final record.

    Under several worker processes every worker calls it; the chief's record counts.

    Raises:
        InterruptedRunError: after a signal; the record says `interrupted`.
        RunError: a loss was not finite, or evaluation failed; the record says `failed`.
        UsageError: another process is writing this run.
    """
    train = request.recipe.train
    strategy = make_strategy(request.strategy or train.strategy, train.cluster)
    with ExitStack() as stack:
        folder = request.folder
        if is_chief(strategy):
            stack.enter_context(folder.lock())
        else:
            # This worker computes what the chief does; what it writes is thrown away.
            scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            folder = RunFolder(Path(stack.enter_context(scratch)))
        return _Run(request, build, reporter, strategy, folder, stack).execute()


class _Run:
    """The state of one call of `run`."""

    def __init__(self, request, build, reporter, strategy, folder, stack):
        self.request = request
        self.recipe = request.recipe
        self.reporter = reporter
        self.strategy = strategy
        self.folder = folder  # where this process writes
        self.is_chief = folder is request.folder
        self.signals = stack.enter_context(noted_signals())
        self.stopping: str | None = None
        self.started = time.monotonic()
        self._refuse_other_recipe()
        set_up_process(self.recipe, request.seed)
        replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            self.experiment = build(self.recipe, request.seed)
            prepare(self.experiment, self.recipe.train, replicas)
        with writing(folder.config_path):
            text = resolved_yaml(self.recipe, request.seed)
            write_atomic(folder.config_path, text)
        if not request.resume:  # a later --resume must not find an older run's
            shutil.rmtree(folder.checkpoints, ignore_errors=True)
        sum_over_processes(strategy, 1.0)  # the chief's folder is ready
        state = state_of(self.experiment)
        self.store = CheckpointStore(
            request.folder.checkpoints,
            state,
            self.recipe.train.keep_checkpoints,
            writes=self.is_chief,
        )
        problems = self.store.restore() if request.resume else []
        spread_seeds(strategy, state)
        self.done = int(self.store.step)
        self.clock = Clock(train_seconds=float(self.store.seconds))
        previous = folder.record() if request.resume else None
        self.earlier_seconds = previous.wall_seconds if previous else 0.0
        planned = sum(phase.steps for phase in self.experiment.phases)
        self.log = RunLog(folder, self.done, self.done == planned)
        stack.callback(self.log.close)
        self.profiler = Profiler(folder.tensorboard / "train", request.profile)
        stack.callback(self.profiler.abandon)
        for problem in problems:
            self._say(problem)
        self.record = first_record(
            request.recipe,
            request.seed,
            self.experiment,
            strategy_label(request.strategy or self.recipe.train.strategy),
            replicas,
            request.paper_datasets,
            request.code,
        )

    def _refuse_other_recipe(self) -> None:
        path = self.request.folder.config_path
        if self.request.resume and path.exists():
            old = load_resolved(path, self.recipe.slug)
            if old.identity != self.recipe.identity:
                raise UsageError(f"{path}: a run with another config cannot go on")

    def execute(self) -> Record:
        try:
            self._write("running")
            values = hyperparameters_of(self.record, self.recipe.values)
            self.log.hyperparameters(values)
            self._train()
            self._write("done", **self._finish_together())
        except (InterruptedRunError, KeyboardInterrupt) as error:
            self._write_last("interrupted", str(error) or "stopped twice")
            raise
        except WriteError as error:
            reason = f"{error}; {self._last_good}"
            self._write_last("failed", reason)
            raise RunError(reason) from error
        except Exception as error:
            self._write_last("failed", one_line(error))
            if isinstance(error, CaiError):
                raise
            kind = type(error).__name__
            raise RunError(f"{kind}: {one_line(error)} (--debug shows more)") from error
        finally:
            self.reporter.stop()
        return self.record

    def _finish_together(self) -> dict[str, Any]:
        """The chief finishes; other workers wait for it, and fail with it."""
        failure, found = None, {}
        if self.is_chief:
            try:
                found = self._finish()
            except BaseException as error:
                failure = error
        failures = sum_over_processes(self.strategy, float(failure is not None))
        if failure is not None:
            raise failure
        if failures:
            raise RunError("the first worker could not finish the run")
        return found

    def _finish(self) -> dict[str, Any]:
        """What follows training: metrics, figures, embeddings, networks to load.

        Returns:
            what the record says of them.
        """
        with self.strategy.scope():
            metrics = evaluate(self.experiment, self.recipe, self._raise_if_asked)
            self._log_metrics(metrics)
            self._keep_if_best(metrics)
            series = measure_series(self.experiment, self.recipe)
            with evaluation_weights(self.experiment, self.recipe):
                draw_figures(self.experiment, self.folder, self.log, self.done)
                write_embeddings(self.experiment, self.folder)
        with evaluation_weights(self.experiment, self.recipe):
            export_networks(self.experiment.networks(), self.folder)
        return {"metrics": metrics, "series": series}

    def _train(self) -> None:
        first = 0
        for number, phase in enumerate(self.experiment.phases):
            if self.done < first + phase.steps:
                self._train_phase(number, phase, first)
            first += phase.steps
        self.profiler.close()
        if self.profiler.is_unused:
            self._say("--profile: the run has no such steps; nothing was written")
        share = self.clock.wait_share
        if share is not None:
            self.log.message(
                f"waited for data {100 * share:.1f} % of the training time"
            )

    def _train_phase(self, number: int, phase: Phase, first: int) -> None:
        title = f"{self.request.folder.path.parent.name} seed {self.request.seed}"
        if len(self.experiment.phases) > 1:
            title += f" phase {number + 1}"
        end = first + phase.steps
        self.reporter.start(title, end, self.done, phase.batch_size)
        train = self.recipe.train
        if self.done == first:
            self._call(phase.start)
        loop = PhaseLoop(phase, self.done - first, train, self.strategy)
        while self.done < end:
            self.profiler.at(self.done)
            steps = steps_until_event(self.done, end, train, self.profiler.stops)
            result = loop.run(steps, self.clock)
            self.done += result.steps
            self._after_call(result, end, phase)

    def _call(self, hook: Callable[[], None] | None) -> None:
        if hook is not None:
            with self.strategy.scope():
                hook()

    def _after_call(self, result, end: int, phase: Phase) -> None:
        train = self.recipe.train
        if result.broken:
            self._fail_on(result)
        self.reporter.advance(self.done, result.losses)
        if self.done % train.log_every == 0 or self.done == end:
            self.log.scalars("train", self.done, result.losses)
        last = self.done == end
        if last:
            self._call(phase.finish)
        # Before the checkpoint: a run that is killed in here makes both up for it.
        if (last or _due(self.done, train.evaluate_every)) and self.is_chief:
            self._validate(phase, last)
        self._hear_signals()
        asked = self.stopping or _due(self.done, train.checkpoint_every)
        if last or (asked and not phase.is_whole):
            self._save()
        self._raise_if_asked()

    def _hear_signals(self) -> None:
        """All workers must stop after the same step, whichever got the signal."""
        if sum_over_processes(self.strategy, float(bool(self.signals))) > 0:
            self.stopping = self.signals[0] if self.signals else "another worker"

    def _raise_if_asked(self) -> None:
        """Ends the run after a signal, where the newest checkpoint is up to date."""
        if not is_multi_process(self.strategy) and self.signals:
            self.stopping = self.signals[0]  # during an evaluation
        if self.stopping:
            raise InterruptedRunError(
                f"stopped by {self.stopping} after step {self.done}; "
                "continue with --resume"
            )

    def _fail_on(self, result) -> None:
        update, _, loss = result.broken.partition("/")
        value = result.losses[result.broken]
        raise RunError(
            f"update {update!r}: the loss {loss!r} is {value} at step {self.done}; "
            f"{self._last_good}"
        )

    @property
    def _last_good(self) -> str:
        return f"last good checkpoint: {self.store.newest or 'none was written'}"

    def _validate(self, phase: Phase, last: bool) -> None:
        show_progress(phase, self.folder, self.log, self.done)
        evaluator = self.experiment.evaluators.get("validation")
        if evaluator is None or last:  # then all splits are evaluated
            return
        with self.strategy.scope(), evaluation_weights(self.experiment, self.recipe):
            metrics = {f"validation/{k}": v for k, v in evaluator().items()}
        self._log_metrics(metrics)
        self._keep_if_best(metrics)

    def _keep_if_best(self, metrics: Mapping[str, Metric]) -> None:
        best = self.recipe.train.keep_best
        if best is None or not self.experiment.phases:
            return
        if best.metric not in metrics:
            known = ", ".join(metrics)
            raise RunError(f"train.keep_best.metric: no {best.metric!r} among {known}")
        value, old = metrics[best.metric].value, float(self.store.best_value)
        if value is None:
            return
        sign = 1.0 if best.better == "higher" else -1.0
        if math.isnan(old) or sign * value > sign * old:
            self.store.save_best(self.done, self.clock.train_seconds, value)
            self._say(f"step {self.done}: best {best.metric} {value:.6g}")

    def _log_metrics(self, metrics: Mapping[str, Metric]) -> None:
        for name, metric in metrics.items():
            group, _, short = name.partition("/")
            if metric.value is not None:
                self.log.scalars(group, self.done, {short: metric.value})
            self.log.message(f"step {self.done} {name} {metric.value}")

    def _save(self) -> None:
        self._refuse_bad_weights()
        self.store.save(self.done, self.clock.train_seconds)
        self._write("running")

    def _refuse_bad_weights(self) -> None:
        """A finite loss can have a NaN gradient: only the next loss would show it."""
        for name, network in self.experiment.networks().items():
            for weight in network.weights:
                if not keras.ops.all(keras.ops.isfinite(weight)):
                    raise RunError(
                        f"network {name!r}: {weight.path} is not finite after step "
                        f"{self.done}; {self._last_good}"
                    )

    def _say(self, text: str) -> None:
        self.reporter.message(text)
        self.log.message(text)

    def _write_last(self, state: str, reason: str) -> None:
        """A full disk must not hide why the run ended."""
        try:
            self._write(state, reason=reason)
        except WriteError as error:
            self.reporter.message(str(error))

    def _write(self, state: str, **changes) -> None:
        self.record = self.record.model_copy(
            update={
                "state": state,
                "reason": None,
                "steps_done": self.done,
                "wall_seconds": self.earlier_seconds + time.monotonic() - self.started,
                "train_seconds": self.clock.train_seconds,
                "examples_per_second": self.clock.examples_per_second,
                "input_wait_share": self.clock.wait_share,
                "peak_memory_bytes": peak_memory_bytes(),
                **changes,
            }
        )
        with writing(self.folder.record_path):
            write_record(self.folder.record_path, self.record)
        self.log.message(f"{state} at step {self.done} {self.record.reason or ''}")


def _due(step: int, period: int) -> bool:
    return bool(period) and step % period == 0
