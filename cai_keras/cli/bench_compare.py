"""`cai bench compare`: two benchmarks, and a gate for continuous integration."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.benchmark_package import benchmark_module

_File = "What cai bench train, infer or score wrote, JSON or CSV."


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help=_File)],
    b: Annotated[Path, typer.Argument(metavar="B", help="As A.")],
    gate: Annotated[
        float | None,
        typer.Option(
            metavar="RATIO",
            help="Least B / A. A row fails when the upper end of its interval is "
            "below, or when it failed in B only; so does the geometric mean. A gate "
            "that fails is exit code 3.",
        ),
    ] = None,
    across: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Compare rows that differ in it, such as backend, precision or xla. "
            "Repeat.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
    ] = None,
) -> None:
    """B's samples per second over A's, for each configuration that both have.

    Ratios of medians over the repeats, with 95 % bootstrap intervals, and their
    geometric mean. Rows that one file alone has, and rows that failed, are named; so is
    what differs of the machines.
    """
    benchmark_module("compare_view").run(a, b, gate, across or (), json_file)
