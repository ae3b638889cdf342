"""The errors that a user can mend, each one or two lines long.

Everything that reaches the command line as a `CaiError` is printed without a
traceback and ends the process with its `exit_code`.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class CaiError(Exception):
    """Base class. `exit_code` is the process's exit code at the command line."""

    exit_code = 1


class UsageError(CaiError):
    """The request or a file that the user wrote is wrong: nothing was started."""

    exit_code = 2


class DataError(CaiError):
    """A data set or one of its files is missing, damaged or of the wrong kind."""


class RunError(CaiError):
    """A run that was started could not be finished."""


class GateError(CaiError):
    """All was done as asked, and the numbers do not pass what was asked of them."""

    exit_code = 3


def nearest(name: str, choices: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or the list of choices where nothing is near."""
    choices = [str(choice) for choice in choices]
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"expected one of: {', '.join(choices)}" if choices else "none exist"


def choose(what: str, name: str, choices: Mapping[str, Any]) -> Any:
    """The entry `name` of an explicit table, or an error with the nearest name.

    Raises:
        UsageError: `name` is not in `choices`; `what` says where it was given.
    """
    if name not in choices:
        raise UsageError(f"{what}: unknown name {name!r}; {nearest(name, choices)}")
    return choices[name]
