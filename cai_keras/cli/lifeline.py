"""Worker processes that do not outlive the process that started them."""

import os
import signal
import threading

# Set in a worker's environment: its standard input is a pipe that only its parent
# holds open.
VARIABLE = "CAI_LIFELINE"


def end_with_parent() -> None:
    """In a worker: when the parent is gone, also by kill -9, asks this process to end.

    Like SIGTERM from outside, so that a run is saved and can be resumed.
    """
    if os.environ.pop(VARIABLE, None) is None:
        return

    def wait() -> None:
        os.read(0, 1)  # returns at the end of the file: the parent never writes
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
