"""`cai gan_metrics export`: a trained judge as a file of weights."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.output import say
from cai_keras.errors import GateError, UsageError

app = typer.Typer(no_args_is_help=True, help="Classifiers that judge generated images.")


@app.callback()
def _verbs() -> None:
    # Typer takes the only verb's name away without this.
    pass


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A finished run of `judge`.")],
    output: Annotated[Path, typer.Option(metavar="FILE.npz")],
    at_most: Annotated[
        float, typer.Option(help="Test error in percent; worse judges are refused.")
    ],
) -> None:
    """Write a judge without batch normalisation, in half precision.

    FILE.json beside it says what it is; `classifier:FILE.npz` names it as an extractor
    of features and classes.
    """
    from cai_keras.cli.framework import load_tensorflow
    from cai_keras.reporting.run_folder import find_run
    from cai_keras.training.config import load_resolved

    if output.suffix != ".npz":
        raise UsageError(f"--output: expected a name that ends in .npz, found {output}")
    folder = find_run(run)
    record = folder.record()
    kept = (record.paper, record.variant, record.state)
    if kept != ("gan_metrics", "judge", "done"):
        raise UsageError(
            f"{folder.path}: expected a finished run of gan_metrics, variant judge; "
            f"found one of {record.paper}, {record.variant}, that is {record.state}"
        )
    recipe = load_resolved(folder.config_path, record.paper)
    load_tensorflow()
    from .export import export_judge

    judge = export_judge(recipe, folder.checkpoints / "classifier.keras", record)
    told = f"{judge.error_percent:.2f} % test error with half-precision weights"
    if judge.error_percent > at_most:
        raise GateError(f"{folder.path}: {told}; expected at most {at_most:g} %")
    judge.write(output)
    say(f"{output}: {output.stat().st_size / 1024:.0f} KiB, {told}")
