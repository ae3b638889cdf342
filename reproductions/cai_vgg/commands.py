"""`cai cai_vgg export`: a trained run as a file of weights."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.exporting import trained_run
from cai_keras.cli.output import say

app = typer.Typer(
    no_args_is_help=True, help="The feature network that needs no download."
)


@app.callback()
def _verbs() -> None:
    # Typer takes the only verb's name away without this.
    pass


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    output: Annotated[Path, typer.Option(metavar="FILE.npz")],
    at_most: Annotated[
        float, typer.Option(help="Test error in percent; worse networks are refused.")
    ] = 15.0,
) -> None:
    """Write a run's network without batch normalisation, in half precision.

    Every filter is scaled to a mean activation of 1 on training images. FILE.json
    beside it says what it is; `path:FILE.npz` names it as a feature network.
    """
    from cai_keras.cli.framework import load_tensorflow
    from cai_keras.reporting.atomic import write_atomic

    trained = trained_run(run, output, "cai_vgg")
    load_tensorflow()
    from .export import export_network

    found = export_network(trained.recipe, trained.network)
    kept = trained.check_error(found.error_percent, at_most)
    about = {**found.about, "run": trained.about()}
    write_atomic(output, found.content)
    beside = output.with_suffix(".json")
    write_atomic(beside, (json.dumps(about, indent=1) + "\n").encode())
    size = len(found.content) / 2**20
    say(f"{output}: {size:.2f} MiB, {about['network']['parameters']:,} parameters")
    say(f"{beside}: {kept}")
