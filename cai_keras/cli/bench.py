"""`cai bench`: speed, never accuracy. Further commands are in files of their own."""

import sys
from pathlib import Path
from typing import Annotated
from unittest import mock

import typer

from cai_keras.cli import bench_compare, bench_parts, bench_score, bench_suite
from cai_keras.cli.benchmark_package import benchmark_module
from cai_keras.cli.framework import load_tensorflow

app = typer.Typer(
    no_args_is_help=True,
    help="Speed of machines, papers, layers and pipelines; and what compares speeds. "
    "docs/benchmarks.md says how numbers come about.",
)
bench_suite.add_to(app)


@app.command()
def engine(
    network: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="resnet20, siamese, or both.")
    ] = "resnet20,siamese",
    batch: Annotated[int, typer.Option(min=1, help="Examples in a batch.")] = 128,
    rounds: Annotated[
        int, typer.Option(min=2, help="Times that each loop is measured.")
    ] = 12,
    steps: Annotated[int, typer.Option(min=1, help="Batches in a round.")] = 20,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
    ] = None,
) -> None:
    """Training throughput: this engine, hand-written loops, Keras's fit, PyTorch.

    All of them train the same network on the same data and take turns. Ratios come
    with 95 % intervals. PyTorch is measured where torch is installed.
    """
    benchmark_module("engine").run(network, batch, rounds, steps, json_file)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def layers(context: typer.Context) -> None:
    """Custom layers against Keras's own or their formula, forward and backward.

    Options go to benchmarks/layers.py; `python -m benchmarks.layers --help` lists them.
    """
    load_tensorflow()
    with mock.patch.object(sys, "argv", ["cai bench layers", *context.args]):
        benchmark_module("layers").main()


@app.command()
def report(
    records: Annotated[int, typer.Option(min=1, help="How many to make up.")] = 5000,
    rounds: Annotated[
        int, typer.Option(min=2, help="Times that each format is measured.")
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option(help="Keep papers and records there. Default: thrown away."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
    ] = None,
) -> None:
    """`cai report` over thousands of made-up records: seconds by format.

    Each format is a process of its own, measured from its start to its end.
    """
    benchmark_module("report").run(records, rounds, output, json_file)


@app.command()
def scenes(
    side: Annotated[int, typer.Option(min=16, help="Of the images, in pixels.")] = 64,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="With two more views of each scene.")
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, help="Measured beside one alone.")
    ] = 2,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each measurement.")] = 5.0,
) -> None:
    """Images a second of the scene generator, each with all of its targets."""
    benchmark_module("scenes").run(side, pairs, processes, seconds)


app.command("compare")(bench_compare.compare)
app.command("score")(bench_score.score)
app.command("spread")(bench_score.spread)
bench_parts.add_to(app)
