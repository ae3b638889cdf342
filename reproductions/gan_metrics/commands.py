"""`cai gan_metrics export`: a trained judge as a file of weights."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.exporting import trained_run
from cai_keras.cli.output import say

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

    trained = trained_run(run, output, "gan_metrics", "judge")
    load_tensorflow()
    from .export import export_judge

    judge = export_judge(trained.recipe, trained.network, trained.about())
    told = trained.check_error(judge.error_percent, at_most)
    judge.write(output)
    say(f"{output}: {output.stat().st_size / 1024:.0f} KiB, {told}")
