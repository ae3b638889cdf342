"""`cai cai_vgg export`: a trained run as a file of weights."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.output import say
from cai_keras.errors import GateError, UsageError

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
    from cai_keras.reporting.run_folder import find_run
    from cai_keras.training.config import load_resolved

    if output.suffix != ".npz":
        raise UsageError(f"--output: expected a name that ends in .npz, found {output}")
    folder = find_run(run)
    record = folder.record()
    if record.paper != "cai_vgg" or record.state != "done":
        raise UsageError(
            f"{folder.path}: expected a finished run of cai_vgg, found one of "
            f"{record.paper} that is {record.state}"
        )
    path = folder.checkpoints / "classifier.keras"
    if not path.is_file():
        raise UsageError(f"{path}: no such file; train the run again")
    recipe = load_resolved(folder.config_path, record.paper)
    load_tensorflow()
    from .export import export_network

    found = export_network(recipe, path)
    kept = f"{found.error_percent:.2f} % test error with half-precision weights"
    if found.error_percent > at_most:
        raise GateError(f"{folder.path}: {kept}; expected at most {at_most:g} %")
    about = {
        **found.about,
        "run": {
            "paper": record.paper,
            "scale": record.scale,
            "variant": record.variant,
            "seed": record.seed,
            "steps": record.steps_done,
            "code": record.code,
            "overrides": list(recipe.overrides),
        },
    }
    write_atomic(output, found.content)
    beside = output.with_suffix(".json")
    write_atomic(beside, (json.dumps(about, indent=1) + "\n").encode())
    size = len(found.content) / 2**20
    say(f"{output}: {size:.2f} MiB, {about['network']['parameters']:,} parameters")
    say(f"{beside}: {kept}")
