"""Rates of things that take turns, once each has settled."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
Work = Callable[[], int]  # does something; returns how many examples that was

SETTLING_SHARE = 0.25  # of each turn


@dataclass(frozen=True)
class Stretch:
    """What was done in one turn, and how long it took."""

    examples: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.examples / self.seconds


def repeat_for(work: Work, seconds: float, clock: Clock) -> Stretch:
    """Works until so many seconds have passed, at least once."""
    begin, examples = clock(), 0
    while True:
        examples += work()
        passed = clock() - begin
        if passed >= seconds:
            return Stretch(examples, passed)


def take_turns(
    works: Mapping[str, Work],
    rounds: int,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> dict[str, list[Stretch]]:
    """Measures each `rounds` times; the order is reversed in every other round.

    A turn begins with a share that is not counted: a pipeline that had the machine to
    itself for a while has batches in store, and one that comes first after another
    fills its own store while that works.

    Args:
        works: name -> something that returns the number of its examples.
        seconds: that a turn lasts, what is not counted included.
    """
    settling = SETTLING_SHARE * seconds
    found: dict[str, list[Stretch]] = {name: [] for name in works}
    for number in range(rounds):
        names = list(works)
        for name in names if number % 2 == 0 else reversed(names):
            repeat_for(works[name], settling, clock)
            found[name].append(repeat_for(works[name], seconds - settling, clock))
    return found


def calls_in(seconds: float, of_one: float, unit: int = 1, most: int = 256) -> int:
    """How many calls fill so many seconds: a multiple of `unit`, at least one unit.

    Args:
        of_one: seconds of one call.
        most: limit, where it is a unit or more.
    """
    wanted = min(seconds / max(of_one, 1e-9), most)
    return unit * max(1, math.floor(wanted / unit))
