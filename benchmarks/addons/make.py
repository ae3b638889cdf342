"""Writes the golden file of tensorflow-addons, in an environment of its own.

    python3 benchmarks/addons/make.py [--environment FOLDER] [--python python3.11]
                                      [--output FOLDER] [--rounds 30]

tensorflow-addons does not import beside Keras 3. This makes a virtual environment,
installs `requirements.txt` there (about 500 MB), and runs `reference.py` in it, which
writes `golden.npz` and `golden.json`. An environment that is complete and has these
requirements is used again. It needs Python 3.11 and its standard library alone.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
VERSION = (3, 11)
_STAMP = "complete"  # file in the environment: the digest of what was installed

Run = Callable[[Sequence[str], Mapping[str, str]], int]


class MakeError(Exception):
    """A line for the user."""


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs it with this process's output; returns its exit code."""
    return subprocess.run(command, env=dict(environment), check=False).returncode


def make(
    environment: Path,
    output: Path,
    python: str | None = None,
    rounds: int = 30,
    run: Run = run_command,
) -> None:
    """Installs what is not there yet, and writes the golden file into `output`.

    Args:
        environment: folder of the virtual environment.
        python: interpreter to make it with; found if None.
        rounds: measurements of each case.
        run: starts a command and waits for it.
    Raises:
        MakeError: no Python 3.11, or a step that failed.
    """
    if rounds < 2:
        raise MakeError(f"--rounds {rounds}: an interval needs 2 or more")
    if not output.is_dir():
        raise MakeError(f"--output {output}: no such folder")
    inside = str(environment / "bin" / "python")
    if not is_complete(environment):
        if environment.exists() and not (environment / "pyvenv.cfg").exists():
            raise MakeError(f"--environment {environment}: is there, and is none")
        shutil.rmtree(environment, ignore_errors=True)
        interpreter = python or find_python()
        install = [inside, "-m", "pip", "install", "-r", str(requirements())]
        steps = [
            ("make the environment", [interpreter, "-m", "venv", str(environment)]),
            ("install tensorflow-addons", install),
        ]
        for what, command in steps:
            _do(what, command, run)
        (environment / _STAMP).write_text(digest())
    measure = [inside, "-s", str(FOLDER / "reference.py"), "--output", str(output)]
    _do("run reference.py", [*measure, "--rounds", str(rounds)], run)


def requirements() -> Path:
    return FOLDER / "requirements.txt"


def digest() -> str:
    """Of the requirements: others need another environment."""
    return hashlib.sha256(requirements().read_bytes()).hexdigest()


def is_complete(environment: Path) -> bool:
    """Whether all of these requirements were installed there."""
    stamp = environment / _STAMP
    return stamp.is_file() and stamp.read_text() == digest()


def find_python(
    current: Sequence[int] = sys.version_info[:2],
    find: Callable[[str], str | None] = shutil.which,
) -> str:
    """A Python 3.11: this one, or that of the search path.

    Raises:
        MakeError: there is none.
    """
    if tuple(current) == VERSION:
        return sys.executable
    found = find("python3.11")
    if found is None:
        raise MakeError(
            "tensorflow 2.15.1 and tensorflow-addons 0.23.0 need Python 3.11; this is "
            f"{'.'.join(map(str, current))} and there is no python3.11: name one with "
            "--python"
        )
    return found


def _do(what: str, command: Sequence[str], run: Run) -> None:
    print(f"{what}: {' '.join(command)}", flush=True)
    code = run(command, _environment())
    if code:
        raise MakeError(f"could not {what}: exit code {code}")


def _environment() -> dict[str, str]:
    """Values are a CPU's; nothing of this environment's packages gets in."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "KERAS_BACKEND"}
    }
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return {**inherited, **quiet, "CUDA_VISIBLE_DEVICES": "-1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--environment",
        type=Path,
        default=Path("build") / "addons",
        help="folder of the virtual environment (default: build/addons)",
    )
    parser.add_argument("--python", help="a Python 3.11 (default: found)")
    parser.add_argument(
        "--output", type=Path, default=FOLDER, help="default: beside this file"
    )
    parser.add_argument("--rounds", type=int, default=30, help="measurements of a case")
    options = parser.parse_args()
    try:
        make(options.environment, options.output, options.python, options.rounds)
    except MakeError as error:
        parser.exit(1, f"{parser.prog}: error: {error}\n")


if __name__ == "__main__":
    main()
