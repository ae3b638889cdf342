"""`cai tensorboard`: TensorBoard on a folder of runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.errors import UsageError


def tensorboard(
    output: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 6006,
) -> None:
    """TensorBoard on the output folder, reachable from this machine only."""
    if not output.is_dir():
        raise UsageError(f"{output}: no such folder; cai train writes one")
    arguments = ["--logdir", str(output), "--host", "localhost", "--port", str(port)]
    command = [sys.executable, "-m", "tensorboard.main", *arguments]
    # In this process's place, so that whoever ends `cai tensorboard` ends the server.
    os.execv(sys.executable, command)
