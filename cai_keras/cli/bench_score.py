"""`cai bench score` and `spread`: one number for a machine."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.benchmark_package import benchmark_module

_JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
]


def score(
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A score that is to be 1. Default: results/bench/score_reference.json",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, gpu or tpu. Default: gpu where there is one, or cpu."),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of what was measured before; measures nothing."
        ),
    ] = None,
    write_reference: Annotated[
        bool,
        typer.Option("--write-reference", help="Make this machine the reference."),
    ] = False,
    json_file: _JsonFile = None,
) -> None:
    """How fast this machine is, in five minutes: 1 is the machine of the reference.

    The geometric mean, over a fixed set of small networks in training and in inference,
    of the speed over the reference's, with the interval of this call's repeats. Scores
    of different versions of the set are refused.
    """
    view = benchmark_module("score_view")
    view.run(
        benchmark_module("score_runner").measure,
        device or _best_device(),
        reference or view.REFERENCE,
        measured,
        write_reference,
        json_file,
    )


def spread(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="What cai bench score wrote.")
    ],
    json_file: _JsonFile = None,
) -> None:
    """How far the scores of several calls lie apart, and which network moves most."""
    benchmark_module("score_view").run_spread(files, json_file)


def _best_device() -> str:
    from cai_keras.cli.gpus import visible_gpus

    return "gpu" if visible_gpus() else "cpu"
