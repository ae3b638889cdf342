"""Steps, timed: the first one, the warm-up until nothing changes, and repeats.

A call takes a number of steps and returns when the device has finished them. Steps
shorter than 10 ms are timed in blocks, since waiting for the device and asking the
clock would take a visible part of each: a block's mean stands for its steps, and
percentiles are then of these means. A block is made of whole cycles, where some of a
learner's updates are due at every n-th step only.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.steady import is_steady

BLOCK_SECONDS = 0.01
_LONGEST_BLOCK = 1000  # cycles
_PROBES = 2

Call = Callable[[int], object]


@dataclass(frozen=True)
class WarmUp:
    """What was done before the first repeat.

    Attributes:
        steps: after the first cycle.
        is_steady: whether step times had stopped changing when it ended.
    """

    steps: int
    is_steady: bool


class Stepper:
    """Times the steps of a call.

    Args:
        make: compiles and gives the call; its time belongs to the first step.
        cycle: steps after which the same updates are due again.
        clock: gives seconds.

    Attributes:
        first_seconds: of making the call and of its first cycle; None before `start`.
        block: steps that are timed together; 0 before `warm_up`.
    """

    def __init__(
        self,
        make: Callable[[], Call],
        cycle: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._make, self._clock = make, clock
        self.cycle = cycle
        self.first_seconds: float | None = None
        self.block = 0

    def start(self) -> float:
        """Makes the call and takes the first cycle; returns the seconds of both."""
        begin = self._clock()
        self._call = self._make()
        self._call(self.cycle)
        self.first_seconds = self._clock() - begin
        return self.first_seconds

    def warm_up(self, budget: float, least: float = 0.0) -> WarmUp:
        """Steps until their times are steady, or until the budget is spent.

        Args:
            budget: seconds; what is started is finished.
            least: seconds that are spent in any case.
        """
        begin, times = self._clock(), []
        # The fastest so far decides on the block: the first ones may still load
        # something.
        fastest = min(self._time(self.cycle) for _ in range(_PROBES)) / self.cycle
        steps = self.cycle * _PROBES
        while True:
            self.block = self._block_of(fastest)
            times.append(self._time(self.block) / self.block)
            fastest = min(fastest, times[-1])
            steps += self.block
            spent = self._clock() - begin
            if spent >= least and is_steady(times):
                return WarmUp(steps, True)
            if spent >= budget:
                return WarmUp(steps, False)

    def repeat(self, seconds: float) -> tuple[float, ...]:
        """Seconds of a step, once for each block, until `seconds` are over."""
        times, spent = [], 0.0
        while not times or spent < seconds:
            spent += (block := self._time(self.block))
            times.append(block / self.block)
        return tuple(times)

    def _block_of(self, step_seconds: float) -> int:
        wanted = math.ceil(BLOCK_SECONDS / max(step_seconds, 1e-9) / self.cycle)
        return self.cycle * min(max(1, wanted), _LONGEST_BLOCK)

    def _time(self, steps: int) -> float:
        begin = self._clock()
        self._call(steps)
        return self._clock() - begin
