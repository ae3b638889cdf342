"""What a person sees of many runs: a live table, or lines without a terminal."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cai_keras.cli.run_status import (
    ACTIVE,
    DONE,
    FAILED,
    INTERRUPTED,
    WAITING,
    RunStatus,
    count_states,
)

_SECONDS_BETWEEN_LINES = 30.0
_COLOURS = {DONE: "green", FAILED: "red", INTERRUPTED: "yellow", WAITING: "dim"}
# Lines of the terminal that the table's head and the counts take.
_LINES_AROUND = 7


def make_view(console: Console):
    """The view that suits the console; both are context managers."""
    return TableView(console) if console.is_terminal else LineView(console)


class TableView:
    """A table of states that stands still while its rows change.

    Where the terminal is too low for all runs, those that run or went wrong are
    shown first, then the last that were done and the next in the queue.
    """

    def __init__(self, console: Console):
        self._console = console
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> "TableView":
        self._live.start()
        return self

    def __exit__(self, *error) -> None:
        self._live.stop()

    def update(self, statuses: Sequence[RunStatus]) -> None:
        room = max(3, self._console.height - _LINES_AROUND)
        self._live.update(states_table(statuses, room), refresh=True)


class LineView:
    """A line for every change of a state, and about twice a minute for all."""

    def __init__(self, console: Console):
        self._console = console
        self._known: dict[int, str] = {}
        self._printed = time.monotonic()

    def __enter__(self) -> "LineView":
        return self

    def __exit__(self, *error) -> None:
        pass

    def update(self, statuses: Sequence[RunStatus]) -> None:
        for number, status in enumerate(statuses, start=1):
            if status.state != self._known.get(number, WAITING):
                self._known[number] = status.state
                place = f"[{number}/{len(statuses)}] {status.run.title}"
                detail = f": {status.detail}" if status.state not in ACTIVE else ""
                self._say(f"{place} {status.state}{detail}")
        if time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES:
            self._say(_counts_text(statuses))
            for status in statuses:
                if status.state in ACTIVE:
                    self._say(f"  {status.run.title}: {_progress_text(status)}")

    def _say(self, text: str) -> None:
        self._printed = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def states_table(statuses: Sequence[RunStatus], room: int) -> Table:
    """The runs that fit into `room` lines, with the counts of all below them."""
    shown = _chosen(statuses, room)
    caption = _counts_text(statuses)
    if len(shown) < len(statuses):
        caption += f" ({len(statuses) - len(shown)} not shown)"
    table = Table(
        caption=caption, caption_justify="left", header_style="bold", expand=True
    )
    for heading, width in (("Run", None), ("State", 11)):
        table.add_column(heading, no_wrap=True, min_width=width)
    for heading in ("Steps", "Examples/s", "Time", "Left"):
        # Wide enough at once: a table that changes its shape is hard to read.
        width = max(7, len(heading))
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    papers = {status.run.recipe.slug for status in statuses}
    for status in shown:
        table.add_row(*_cells(status, names_paper=len(papers) > 1))
    return table


def _cells(status: RunStatus, names_paper: bool) -> list[str]:
    state, colour = status.state, _COLOURS.get(status.state)
    title, left = status.run.title, status.seconds_left
    return [
        escape(f"{status.run.recipe.slug} {title}" if names_paper else title),
        f"[{colour}]{state}[/]" if colour else state,
        f"{status.step}/{status.steps}" if status.steps else "",
        f"{status.rate:,.0f}" if status.rate else "",
        "" if state == WAITING else _clock(status.seconds),
        "" if left is None else _clock(left),
        escape(status.detail),
    ]


def _chosen(statuses: Sequence[RunStatus], room: int) -> list[RunStatus]:
    """In their own order: active ones, then what went wrong, the queue, the done."""
    if len(statuses) <= room:
        return list(statuses)
    groups = [
        [s for s in statuses if s.state in ACTIVE],
        [s for s in statuses if s.state in (FAILED, INTERRUPTED)],
        [s for s in statuses if s.state == WAITING],
        [s for s in reversed(statuses) if s.state == DONE],
    ]
    kept = {id(s) for s in [s for group in groups for s in group][:room]}
    return [s for s in statuses if id(s) in kept]


def _progress_text(status: RunStatus) -> str:
    parts = [f"step {status.step} of {status.steps}" if status.steps else "starting"]
    if status.rate:
        parts.append(f"{status.rate:,.0f} examples/s")
    if status.seconds_left is not None:
        parts.append(f"{_clock(status.seconds_left)} left")
    return ", ".join([*parts, status.detail] if status.detail else parts)


def _counts_text(statuses: Sequence[RunStatus]) -> str:
    counts = count_states(statuses)
    return ", ".join(f"{number} {state}" for state, number in counts.items())


def _clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
