"""SIGINT and SIGTERM as notes that the engine reads between two calls."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noted_signals() -> Iterator[list[str]]:
    """Turns the first SIGINT or SIGTERM into a note; the second one acts at once.

    Stopping between two calls keeps weights, step and data position consistent.
    """
    notes: list[str] = []

    def note(number, frame):
        if notes:
            raise KeyboardInterrupt
        notes.append(signal.Signals(number).name)

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:
        yield notes  # not the main thread: a notebook's or a test's own business
        return
    try:
        yield notes
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
