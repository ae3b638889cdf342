"""Measures configurations in turns, each in a worker of its own.

Several workers are alive at once and all but one of them wait: a machine whose speed
drifts slows them all alike. The order is reversed in every other round, so that none
always comes after the same one. What a worker dies of is the result of its
configuration; the others go on.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.batch_search import largest_batch
from benchmarks.configurations import Request, with_batch
from benchmarks.worker_process import WorkerError

# A batch that was found to fit is made smaller this often where it does not after all.
_BACK_OFFS = 3
_WARM_UP_REPEATS = 10  # a warm-up may take as long as so many repeats
_GRACE_SECONDS = 60.0  # that a repeat may take longer than asked, and longer steps more


class Worker(Protocol):
    """See `worker_process.WorkerProcess`."""

    def __enter__(self) -> "Worker": ...
    def __exit__(self, *error) -> None: ...
    def ask(self, command: str, timeout: float, memory_bytes=None, **arguments): ...
    def resident_bytes(self) -> int: ...


@dataclass(frozen=True)
class Settings:
    """How configurations are measured.

    Attributes:
        repeats: of each one.
        seconds: of each repeat.
        alive: workers at once.
        timeout: seconds that building, compiling and the first step may take.
        memory_share: of the memory that is free, which a worker may take.
        largest_batch: that the search goes to.
    """

    repeats: int = 5
    seconds: float = 2.0
    alive: int = 4
    timeout: float = 600.0
    memory_share: float = 0.8
    largest_batch: int = 128


@dataclass
class Measured:
    """What became of one request.

    Attributes:
        prepared: a worker's answer to `prepare`; None where there is none.
        repeats: step seconds of each.
        joules: of each repeat; None where the device does not tell.
        memory: largest sizes so far, as a worker tells them.
    """

    request: Request
    state: str = "done"
    reason: str | None = None
    prepared: dict[str, Any] | None = None
    repeats: list[tuple[float, ...]] = field(default_factory=list)
    joules: list[float | None] = field(default_factory=list)
    steps: int = 0
    memory: dict[str, int | None] = field(default_factory=dict)


class Schedule:
    """Runs requests by workers.

    Args:
        start: request -> a new worker.
        settings: of the measurement.
        report: shows a line to a person.
        free_bytes: memory that is free now; None for no limit.
        look: called after each repeat.
    """

    def __init__(
        self,
        start: Callable[[Request], Worker],
        settings: Settings,
        report: Callable[[str], object],
        free_bytes: Callable[[], float] | None = None,
        look: Callable[[], object] = lambda: None,
    ):
        self._start, self._settings, self._report = start, settings, report
        self._free_bytes, self._look = free_bytes, look

    def run(
        self,
        requests: Sequence[Request],
        keep: Callable[[list[Measured]], object] = lambda found: None,
    ) -> list[Measured]:
        """Measures all; the results are in the order of the requests.

        Args:
            keep: called with all results so far, whenever some are complete.
        """
        found: dict[int, Measured] = {}
        waiting: deque[_Place] = deque()
        for number, request in enumerate(requests):
            if request.batch_size is not None:
                waiting.append(_Place(number, request))
                continue
            size, why = self._search(request)
            if size:
                sized = with_batch(request, size)
                waiting.append(_Place(number, sized, back_offs=_BACK_OFFS))
            else:
                found[number] = Measured(with_batch(request, 1), "out_of_memory", why)
        while waiting:
            found.update(self._measure_group(waiting))
            keep([found[number] for number in sorted(found)])
        return [found[number] for number in sorted(found)]

    def _measure_group(self, waiting: "deque[_Place]") -> dict[int, Measured]:
        """Measures the first ones; puts back those that are to be tried again."""
        group: list[tuple[_Place, Measured, Worker]] = []
        with ExitStack() as stack:
            while waiting and len(group) < self._settings.alive:
                if group and waiting[0].is_alone:
                    break
                place = waiting.popleft()
                own = stack.enter_context(ExitStack())
                worker = own.enter_context(self._start(place.request))
                one = self._prepare(place.request, worker)
                group.append((place, one, worker))
                if one.state != "done":
                    own.close()  # its memory is for the others
                if place.is_alone or one.state == "out_of_memory":
                    break  # there is no room for more
            self._take_turns(group)
        found = {}
        for place, one, _ in group:
            again = self._again(place, one, had_company=len(group) > 1)
            if again is None:
                found[place.number] = one
            else:
                waiting.appendleft(again)
        return found

    def _take_turns(self, group) -> None:
        for number in range(self._settings.repeats):
            turns = group if number % 2 == 0 else reversed(group)
            for _, one, worker in turns:
                if one.state == "done":
                    self._repeat(one, worker, number)

    def _again(
        self, place: "_Place", one: Measured, had_company: bool
    ) -> "_Place | None":
        """How to try once more what did not fit: alone, or smaller; None to give up."""
        if one.state != "out_of_memory":
            return None
        title = place.request.title
        if had_company:
            self._report(f"{title}: no room beside the others; again alone")
            return replace(place, is_alone=True)
        size = place.request.batch_size * 7 // 8
        if not (place.back_offs and size):
            return None
        self._report(f"{title}: does not fit after all; now batch {size}")
        smaller = with_batch(place.request, size)
        return _Place(place.number, smaller, place.back_offs - 1, is_alone=True)

    def _prepare(self, request: Request, worker: Worker) -> Measured:
        settings, one = self._settings, Measured(request)
        self._report(f"{request.title}: warming up")
        answer = self._ask(
            one,
            worker,
            "prepare",
            settings.timeout,
            request=request.as_json(),
            budget=_WARM_UP_REPEATS * settings.seconds,
            least=settings.seconds / 2,
        )
        one.prepared = answer
        return one

    def _repeat(self, one: Measured, worker: Worker, number: int) -> None:
        seconds = self._settings.seconds
        slowest = (one.prepared or {}).get("first_step_seconds", 0.0)
        timeout = seconds + _GRACE_SECONDS + slowest
        answer = self._ask(one, worker, "repeat", timeout, seconds=seconds)
        if answer is None:
            return
        one.repeats.append(tuple(answer["step_seconds"]))
        one.joules.append(answer["joules"])
        one.steps += answer["block"] * len(answer["step_seconds"])
        self._look()
        median = sorted(answer["step_seconds"])[len(answer["step_seconds"]) // 2]
        self._report(
            f"{one.request.title}: repeat {number + 1} of {self._settings.repeats}: "
            f"{1000 * median:,.2f} ms a step"
        )

    def _ask(self, one: Measured, worker: Worker, command: str, timeout, **arguments):
        """The answer; None where it is the end of this configuration."""
        try:
            answer = worker.ask(command, timeout, self._limit(worker), **arguments)
        except WorkerError as error:
            one.state, one.reason = error.state, str(error)
            self._report(f"{one.request.title}: {error.state}: {error}")
            return None
        one.memory = {
            key: answer[key] for key in ("peak_host_bytes", "peak_device_bytes")
        }
        return answer

    def _limit(self, worker: Worker) -> float | None:
        if self._free_bytes is None:
            return None
        share = self._settings.memory_share
        return worker.resident_bytes() + share * self._free_bytes()

    def _search(self, request: Request) -> tuple[int, str]:
        """The largest batch that fits, and why the last one tried did not."""
        worker, why = None, ""
        with ExitStack() as stack:

            def fits(size: int) -> bool:
                nonlocal worker, why
                if worker is None:
                    worker = stack.enter_context(self._start(request))
                one = Measured(with_batch(request, size))
                asked = {"request": one.request.as_json()}
                timeout = self._settings.timeout
                if self._ask(one, worker, "try_out", timeout, **asked):
                    self._report(f"{one.request.title}: fits")
                    return True
                why = one.reason or ""
                stack.close()  # what is left of it would be in the next one's way
                worker = None
                return False

            size = largest_batch(fits, self._settings.largest_batch)
        self._report(f"{request.title}: the largest batch that fits is {size}")
        return size, why


@dataclass(frozen=True)
class _Place:
    """A request that waits.

    Attributes:
        number: its place among the results.
        back_offs: how often its batch may be made smaller.
        is_alone: no other worker may be alive.
    """

    number: int
    request: Request
    back_offs: int = 0
    is_alone: bool = False
