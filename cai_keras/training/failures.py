"""What went wrong, in one line."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from cai_keras.errors import RunError

_LONGEST = 300
# What TensorFlow puts around the reason of an error.
_TRACED = "in user code:"  # and then all of it indented
_ROOTS = re.compile(r"^\d+ root error\(s\) found\.\n\s*\(0\) \w+:\s+", re.MULTILINE)
_HEADERS = (
    "Graph execution error:", "Detected at node", "<stack traces unavailable>",
    'File "',
)  # fmt: skip
_AROUND = re.compile(
    r"""
    ^\{\{.*?\}\}\s                                  # {{function_node ...}}
    | Function\ invocation\ produced\ \w+:\s
    | Error\ in\ user-defined\ function\ passed\ to\ .*?\ with\ iterator:\ \S+:\s
    | \s\[Op:\w+\](?:\ name:.*)?$
    """,
    re.VERBOSE,
)


class WriteError(RunError):
    """A file of a run cannot be written, most often because the disk is full."""


def one_line(error: BaseException) -> str:
    """The line of an error that says what happened; its type where it has none."""
    text = _ROOTS.sub("", str(error)).strip()
    if text.startswith(_TRACED):
        text = textwrap.dedent(text.removeprefix(_TRACED))
    lines = [
        line
        for line in text.splitlines()
        if line.strip() and not line[0].isspace() and not line.startswith(_HEADERS)
    ]
    found = _AROUND.sub("", lines[0]) if lines else type(error).__name__
    return found.strip()[:_LONGEST]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within it Python's and TensorFlow's errors become one line about `path`.

    Raises:
        WriteError: something could not be written.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        # TensorFlow: "FILE; No space left on device".
        reason = reason.rpartition("; ")[2]
        raise WriteError(f"{path}: cannot be written ({reason})") from error
