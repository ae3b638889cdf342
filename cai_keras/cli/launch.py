"""`cai launch`: several worker processes on this machine, as one cluster."""

import signal
from typing import Annotated

import typer

from cai_keras.cli.workers import WorkerFailure, WorkerGroup
from cai_keras.errors import CaiError, UsageError

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def launch(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=1, help="Processes to start.")] = 2,
    restarts: Annotated[
        int, typer.Option(min=0, help="How often to start over when a worker dies.")
    ] = 0,
) -> None:
    """Run `cai train` in several worker processes: cai launch --workers 2 -- train ...

    The first worker is the chief and speaks for all. When a worker dies, all are
    stopped; with --restarts they begin again at the newest checkpoint.
    """
    arguments = list(context.args)
    if not arguments or arguments[0] != "train":
        raise UsageError("cai launch: expected -- train PAPER ...")
    if any(a.partition("=")[0] == "--strategy" for a in arguments):
        raise UsageError("cai launch: --strategy is multiworker here; leave it out")
    for number in range(restarts + 1):
        if number and "--resume" not in arguments:
            arguments = [a for a in arguments if a != "--overwrite"] + ["--resume"]
        failure = _run_group([*arguments, "--strategy", "multiworker"], workers)
        if failure is None:
            return
        if failure.is_wrong_usage:
            raise UsageError(f"cai launch: {failure}")
        if failure.is_final or number == restarts:
            raise CaiError(f"cai launch: {failure}")
        print(f"{failure}; starting over from the newest checkpoint", flush=True)


def _run_group(arguments: list[str], workers: int) -> WorkerFailure | None:
    """Runs the workers to their end; signals are passed on to them."""
    with WorkerGroup(arguments, workers) as group:
        previous = {}
        for name in (signal.SIGINT, signal.SIGTERM):
            previous[name] = signal.signal(name, lambda *_: group.stop_gently())
        try:
            return group.wait()
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)
