"""What is known of a run while a call of `cai train` goes on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cai_keras.cli.plan import PlannedRun
from cai_keras.cli.progress import Rate, losses_text

WAITING, STARTING, RUNNING = "waiting", "starting", "running"
DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"
ACTIVE = (STARTING, RUNNING)


@dataclass
class RunStatus:
    """One run's state, as the events of its process tell it.

    Attributes:
        resume: it continues what its folder holds.
        detail: losses while it runs; then its results, or why it failed.
        failure: why it failed, in its process's own words.
        rate: examples per second, once there is one.
    """

    run: PlannedRun
    resume: bool
    state: str = WAITING
    step: int = 0
    steps: int = 0
    rate: float | None = None
    detail: str = ""
    failure: str | None = None
    _began: float = 0.0
    _ended: float | None = None
    _batch_size: int = field(default=0, repr=False)
    _steps_per_second: Rate | None = field(default=None, repr=False)

    def begin(self) -> None:
        self.state, self._began = STARTING, time.monotonic()

    def hear(self, event: Mapping[str, Any]) -> None:
        """Takes in one event of `single_run.PipeReporter`."""
        kind = event["event"]
        if kind == "start":
            self.state = RUNNING
            self.step, self.steps = event["done"], event["total"]
            self._batch_size = event["batch_size"]
            self._steps_per_second = Rate(self.step)
        elif kind == "advance":
            self.step = event["done"]
            self.detail = losses_text(event["losses"])
            rate = self._steps_per_second.update(self.step)
            self.rate = None if rate is None else rate * self._batch_size
        elif kind in ("message", "done"):
            self.detail = event["text"]
        elif kind == "failed":
            self.failure = event["text"]

    def end(self, state: str, detail: str | None = None) -> None:
        self.state, self._ended, self.rate = state, time.monotonic(), None
        if detail is not None:
            self.detail = detail

    @property
    def seconds(self) -> float:
        """Since the run began, or all that it took."""
        if self.state == WAITING:
            return 0.0
        return (self._ended or time.monotonic()) - self._began

    @property
    def seconds_left(self) -> float | None:
        """Until the last step; evaluation comes after it."""
        if not self.rate or self.state != RUNNING:
            return None
        return (self.steps - self.step) * self._batch_size / self.rate


def count_states(statuses) -> dict[str, int]:
    """Number of runs by state, in the order that a run goes through them."""
    order = (WAITING, STARTING, RUNNING, DONE, FAILED, INTERRUPTED)
    states = [status.state for status in statuses]
    return {state: states.count(state) for state in order if state in states}
