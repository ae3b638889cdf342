"""`cai bench machine`, `train`, `infer` and `resnet50`: the suite of all papers."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.benchmark_package import benchmark_module

Papers = Annotated[
    list[str] | None, typer.Argument(metavar="[PAPER...]", help="Default: all.")
]
Scale = Annotated[str, typer.Option(help="smoke, small or paper.")]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", help="Repeat, or a,b. Default: a paper's first."),
]
Batch = Annotated[
    str,
    typer.Option(
        metavar="N|auto", help="Examples in a batch; auto: the largest that fits."
    ),
]
Precisions = Annotated[
    str,
    typer.Option(metavar="A,B", help="float32, mixed_bfloat16, mixed_float16."),
]
Xla = Annotated[str, typer.Option(metavar="off,on", help="TensorFlow's XLA.")]
Backends = Annotated[
    str, typer.Option("--backend", metavar="A,B", help="tensorflow, jax, torch.")
]
Repeats = Annotated[int, typer.Option(min=2, help="Of each configuration, in turns.")]
Seconds = Annotated[float, typer.Option(min=0.001, help="Of each repeat.")]
Alive = Annotated[int, typer.Option(min=1, help="Configurations that take turns.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Processors to use. Default: all.")
]
Timeout = Annotated[
    float, typer.Option(min=1, help="Seconds for building, compiling, a first step.")
]
MaxBatch = Annotated[
    int | None,
    typer.Option(min=1, help="End of --batch auto. Default: 128 on a CPU, else 4096."),
]
Output = Annotated[Path, typer.Option(help="Folder for the results.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write it there too.")
]


def machine(
    backend: Backends = "tensorflow",
    seconds: Annotated[
        float, typer.Option(min=0.01, help="For each precision of each operation.")
    ] = 2.0,
    threads: Threads = None,
    json_file: JsonFile = None,
) -> None:
    """What this machine is and can do at best: products, convolutions, memory, calls.

    Matrix products and convolutions in float32, bfloat16 and float16 grow until their
    rate does not. Names, clocks, driver, versions, throttling.
    """
    benchmark_module("machine_bench").run(_names(backend), seconds, threads, json_file)


def train(
    slugs: Papers = None,
    scale: Scale = "paper",
    variant: Variants = None,
    batch: Batch = "32",
    precision: Precisions = "float32",
    xla: Xla = "off",
    backend: Backends = "tensorflow",
    strategy: Annotated[str, typer.Option(help="one or mirrored.")] = "one",
    data: Annotated[
        str, typer.Option(help="synthetic: one batch on the device; or real.")
    ] = "synthetic",
    repeats: Repeats = 5,
    seconds: Seconds = 2.0,
    alive: Alive = 4,
    threads: Threads = None,
    logical_cpus: Annotated[
        int, typer.Option(min=1, help="Devices to cut the CPU into, for mirrored.")
    ] = 1,
    timeout: Timeout = 600.0,
    max_batch: MaxBatch = None,
    output: Output = Path("bench"),
) -> None:
    """Training throughput of the papers' learners, with all of their updates.

    Each configuration is a process of its own, so that one that dies is a row with a
    reason; they take turns. docs/benchmark_method.md says how numbers come about.
    """
    suite = benchmark_module("suite")
    configurations = benchmark_module("configurations")
    asked = configurations.read_request(
        "train", slugs or (), scale, _split(variant), None, batch, _names(precision),
        _names(xla), _names(backend), strategy, data,
    )  # fmt: skip
    settings = _settings(repeats, seconds, alive, timeout)
    suite.run(asked, settings, output, threads, logical_cpus, max_batch)


def infer(
    slugs: Papers = None,
    scale: Scale = "paper",
    variant: Variants = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Repeat, or a,b. Default: all.")
    ] = None,
    batch: Batch = "32",
    precision: Precisions = "float32",
    xla: Xla = "off",
    backend: Backends = "tensorflow",
    repeats: Repeats = 5,
    seconds: Seconds = 2.0,
    alive: Alive = 4,
    threads: Threads = None,
    timeout: Timeout = 600.0,
    max_batch: MaxBatch = None,
    output: Output = Path("bench"),
) -> None:
    """Throughput of a forward pass of every network of the papers.

    Each configuration is a process of its own, so that one that dies is a row with a
    reason; they take turns. docs/benchmark_method.md says how numbers come about.
    """
    suite = benchmark_module("suite")
    configurations = benchmark_module("configurations")
    asked = configurations.read_request(
        "infer", slugs or (), scale, _split(variant), _split(network), batch,
        _names(precision), _names(xla), _names(backend), "one", "synthetic",
    )  # fmt: skip
    settings = _settings(repeats, seconds, alive, timeout)
    suite.run(asked, settings, output, threads, 1, max_batch)


def resnet50(
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 32,
    side: Annotated[int, typer.Option(min=32, help="Of the images, in pixels.")] = 224,
    rounds: Annotated[int, typer.Option(min=2, help="Of each network.")] = 12,
    steps: Annotated[int, typer.Option(min=1, help="In a round.")] = 1,
    precision: Annotated[str, typer.Option(help="A policy of Keras.")] = "float32",
    xla: Annotated[str, typer.Option(help="off or on.")] = "off",
    json_file: JsonFile = None,
) -> None:
    """ResNet-50 of this project against keras.applications', in the same training loop.

    Both take turns in one process; the ratio comes with a 95 % interval.
    """
    run = benchmark_module("resnet50").run
    run(batch, side, rounds, steps, precision, xla, json_file)


def add_to(app: typer.Typer) -> None:
    """Registers the verbs."""
    for verb in (machine, train, infer, resnet50):
        app.command()(verb)


def _settings(repeats: int, seconds: float, alive: int, timeout: float):
    return benchmark_module("schedule").Settings(
        repeats=repeats, seconds=seconds, alive=alive, timeout=timeout
    )


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",")))


def _split(names: list[str] | None) -> list[str] | None:
    return None if names is None else _names(",".join(names))
