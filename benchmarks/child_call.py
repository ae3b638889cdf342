"""A measurement in a process of its own: whatever it dies of is a reason, not an end.

The parent calls `call`; the child is `python -m MODULE REQUEST RESULT`, whose `main`
calls `answer`. A request and its result are JSON.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cai_keras.cli import lifeline
from cai_keras.errors import CaiError
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.plain_text import one_line

Result = dict[str, Any]


def call(
    module: str,
    request: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    timeout: float = 1800.0,
    python: str = sys.executable,
) -> Result:
    """What the child answered, or {"reason": why there is no answer}.

    Args:
        module: of the child.
        request: for its `measure`.
        environment: variables that the child has beside this process's.
        timeout: seconds, after which it is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [python, "-m", module, json.dumps(dict(request)), str(path)]
        with (Path(folder) / "errors.txt").open("w+b") as errors:
            process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {}), lifeline.VARIABLE: "1"},
                stdin=subprocess.PIPE,  # held open until this process ends
                stdout=errors,
                stderr=errors,
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                return {"reason": f"no answer within {timeout:.0f} s"}
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
            errors.seek(0)
            said = errors.read().decode(errors="replace")
        return read_result(path, code, said)


def read_result(path: Path, code: int, said: str) -> Result:
    """The result in the file, or the reason why there is none.

    Args:
        code: exit code of the child; negative is the number of a signal.
        said: what it printed.
    """
    if code == 0 and path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    how = f"exit code {code}"
    if code < 0:
        how = f"signal {-code} ({signal.Signals(-code).name})"
    lines = [line for line in said.splitlines() if line.strip()]
    last = f": {one_line(lines[-1])}" if lines and code > 0 else ""
    return {"reason": f"the process ended with {how}{last}"}


def answer(measure: Callable[[Mapping[str, Any]], Result]) -> None:
    """In the child: measures what the command line asks for, and writes the result.

    Of several workers the first one writes; one that cannot go on ends with an exit
    code, so that the others do not wait for it.
    """
    request, path = sys.argv[1:]
    lifeline.end_with_parent()
    cluster = json.loads(os.environ.get("TF_CONFIG", "{}"))
    try:
        result = measure(json.loads(request))
    except CaiError as error:
        result = {"reason": one_line(str(error))}
        if cluster:
            sys.exit(f"cai: error: {result['reason']}")
    if not cluster or cluster["task"]["index"] == 0:
        write_atomic(Path(path), json.dumps(result).encode())
