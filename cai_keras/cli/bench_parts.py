"""`cai bench addons`, `input` and `scale`: replacements, pipelines, replicas."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.benchmark_package import benchmark_module
from cai_keras.cli.framework import load_tensorflow
from cai_keras.errors import UsageError, choose

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
]

Scale = Annotated[str, typer.Option(help="smoke, small or paper.")]
Data = Annotated[
    str | None, typer.Option(metavar="SPEC", help="Instead of the recipe's data.")
]


def addons(
    only: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Default: all.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=2, help="Times that each replacement is measured.")
    ] = 30,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table of docs/addons.md.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Replacements of tensorflow-addons against its golden values and seconds.

    The golden file is part of the package; benchmarks/addons/make.py writes it.
    """
    cases = {case.name: case for case in benchmark_module("addons.inputs").CASES}
    names = _names([only]) if only else list(cases)
    for name in names:
        choose("--only", name, cases)
    load_tensorflow()
    benchmark_module("addons.parity").run(names, rounds, json_file, markdown)


def input_(
    slugs: Annotated[
        list[str] | None, typer.Argument(metavar="PAPER...", help="Default: all.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="Repeat, or a,b. Default: the first one that trains."),
    ] = None,
    scale: Scale = "small",
    data: Data = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Of each measurement, in all rounds.")
    ] = 3.0,
    rounds: Annotated[
        int, typer.Option(min=2, help="Turns that each measurement is made in.")
    ] = 5,
    json_file: JsonFile = None,
) -> None:
    """Input pipelines against the training that they feed, paper by paper.

    Each paper is a process of its own. A ratio below 1 means that training waits.
    """
    pipelines = benchmark_module("pipelines")
    asked = pipelines.Asked(
        slugs=tuple(slugs or ()),
        variants=tuple(_names(variant)),
        scale=scale,
        data=data,
        seconds=seconds,
        rounds=rounds,
    )
    pipelines.run(asked, json_file)


def scale(
    slug: Annotated[str, typer.Argument(metavar="PAPER")] = "resnet",
    variant: Annotated[
        str | None, typer.Option(help="Default: the first one that trains.")
    ] = None,
    scale: Scale = "small",
    data: Data = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Examples of one replica's step.")
    ] = None,
    replicas: Annotated[
        str, typer.Option(metavar="1,2", help="Devices in one process.")
    ] = "1,2",
    devices: Annotated[
        str, typer.Option(help="logical: parts of the CPU; real: GPUs.")
    ] = "logical",
    workers: Annotated[
        str, typer.Option(metavar="1,2", help="Processes, one replica each.")
    ] = "1",
    mode: Annotated[
        str,
        typer.Option(
            metavar="strong,weak",
            help="Replicas share the batch of one, or each has as much.",
        ),
    ] = "strong,weak",
    seconds: Annotated[float, typer.Option(min=0.01, help="Of a repeat.")] = 2.0,
    repeats: Annotated[int, typer.Option(min=2, help="In each process.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Processes for a point.")] = 2,
    json_file: JsonFile = None,
) -> None:
    """Strong and weak scaling of a training step over devices or local workers.

    Efficiencies come with 95 % intervals, and with the share of a step that the
    all-reduce takes. docs/benchmark_layers.md has the formulae.
    """
    scaling = benchmark_module("scaling")
    asked = scaling.Asked(
        slug=slug,
        variant=variant,
        scale=scale,
        data=data,
        batch=batch,
        replicas=_numbers("--replicas", replicas),
        devices=devices,
        workers=_numbers("--workers", workers),
        modes=tuple(_names([mode])),
        seconds=seconds,
        repeats=repeats,
        rounds=rounds,
    )
    scaling.run(asked, json_file)


def add_to(app: typer.Typer) -> None:
    """Registers the verbs."""
    app.command("addons")(addons)
    app.command("input")(input_)
    app.command("scale")(scale)


def _names(given: list[str] | None) -> list[str]:
    return [name.strip() for text in given or () for name in text.split(",")]


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers, separated by commas.

    Raises:
        UsageError: something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text!r}: expected numbers such as 1,2") from None
