"""Progress for a person: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 10.0


def make_reporter(console: Console):
    """The reporter that suits the console."""
    return BarReporter(console) if console.is_terminal else LineReporter(console)


def losses_text(losses: Mapping[str, float]) -> str:
    shown = {key: v for key, v in losses.items() if not key.endswith("/total")}
    return " ".join(f"{key} {v:.4g}" for key, v in (shown or losses).items())


class Rate:
    """Steps per second since the first call after a start: compilation left out."""

    def __init__(self, done: int):
        self.done = done
        self.since: float | None = None

    def update(self, done: int) -> float | None:
        now = time.monotonic()
        if self.since is None:
            self.since, self.done = now, done
            return None
        return (done - self.done) / max(now - self.since, 1e-9)


class BarReporter:
    """A live bar: steps, examples per second, time left and current losses."""

    def __init__(self, console: Console):
        self._console = console
        self._progress: Progress | None = None

    def start(self, title: str, total: int, done: int, batch_size: int) -> None:
        self.stop()
        self._batch_size = batch_size
        self._rate = Rate(done)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self._console,
        )
        self._task = self._progress.add_task(
            title, total=total, completed=done, rate="", losses="compiling"
        )
        self._progress.start()

    def advance(self, done: int, losses: Mapping[str, float]) -> None:
        rate = self._rate.update(done)
        text = "" if rate is None else f"{rate * self._batch_size:,.0f}/s"
        self._progress.update(
            self._task, completed=done, rate=text, losses=losses_text(losses)
        )

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class LineReporter:
    """A line at the start, about every ten seconds, and at the end."""

    def __init__(self, console: Console):
        self._console = console

    def start(self, title: str, total: int, done: int, batch_size: int) -> None:
        self._title, self._total, self._batch_size = title, total, batch_size
        self._rate = Rate(done)
        self._printed = time.monotonic()
        self.message(f"{title}: step {done} of {total}")

    def advance(self, done: int, losses: Mapping[str, float]) -> None:
        rate = self._rate.update(done)
        now = time.monotonic()
        if done < self._total and now - self._printed < _SECONDS_BETWEEN_LINES:
            return
        self._printed = now
        parts = [f"{self._title}: step {done} of {self._total}"]
        if rate:
            left = (self._total - done) / rate
            parts += [
                f"{rate * self._batch_size:,.0f} examples/s",
                f"{left:.0f} s left",
            ]
        if losses:
            parts.append(losses_text(losses))
        self.message(", ".join(parts))

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Nothing to clear."""


class QuietReporter:
    """Says nothing: the chief speaks for all workers."""

    def start(self, title: str, total: int, done: int, batch_size: int) -> None:
        pass

    def advance(self, done: int, losses: Mapping[str, float]) -> None:
        pass

    def message(self, text: str) -> None:
        pass

    def stop(self) -> None:
        pass
