"""`cai stylize`: the style of a painting, by optimisation or by a trained network."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cai_keras.cli.framework import load_tensorflow
from cai_keras.errors import UsageError, choose

# Names alone: --help and wrong options need no TensorFlow.
_POOLINGS = ("average", "max")
_STARTS = ("content", "noise", "style")
_MINIMISERS = ("lbfgs", "adam")


def stylize(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="CONTENT STYLE | PICTURE...",
            help="A photograph and a painting; with --model, pictures and folders.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="A picture; with --model, a folder or a picture.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A trained network: run folder or .keras."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Longer side in pixels. Default: at most 512; with --model, as it is.",
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Evaluations at the coarsest size, half as many at each finer one. "
            "Default: 200.",
        ),
    ] = None,
    style_weight: Annotated[
        float | None, typer.Option(help="More or less style. Default: 1.")
    ] = None,
    smooth: Annotated[
        float | None, typer.Option(help="Weight of total variation. Default: 0.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Default: cai_vgg.")
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="average or max. Default: average.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="content, noise or style. Default: content.")
    ] = None,
    minimiser: Annotated[
        str | None, typer.Option(help="lbfgs or adam. Default: lbfgs.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of noise. Default: 0.")] = None,
    tile: Annotated[
        int | None,
        typer.Option(min=128, help="Larger pictures are computed in tiles. "
                     "Default: 512."),
    ] = None,
) -> None:  # fmt: skip
    """Paint a photograph in the style of a painting.

    By optimisation (Gatys et al. 2016), or in one pass of a network that `cai train
    perceptual_losses` trained. Ctrl-C writes the picture as far as it is. A picture
    that cannot be read is named and left out; the exit code is 1 then.
    """
    search = {
        "iterations": iterations, "style_weight": style_weight, "smooth": smooth,
        "features": features, "pooling": pooling, "start": start,
        "minimiser": minimiser, "seed": seed, "tile": tile,
    }  # fmt: skip
    given = {name: value for name, value in search.items() if value is not None}
    if model is not None:
        if given:
            name = next(iter(given)).replace("_", "-")
            raise UsageError(f"--{name} is for optimisation: not with --model")
        _by_network(model, pictures, out, size)
    else:
        _by_optimisation(pictures, out, size, given)


def _by_network(model: Path, sources, out: Path, size: int | None) -> None:
    from cai_keras.cli.stylize_files import apply_to_files, plan_files

    jobs = plan_files(sources, out)
    load_tensorflow()
    from cai_keras.stylization.apply import NetworkProgram
    from cai_keras.stylization.trained import load_trained

    apply_to_files(NetworkProgram(load_trained(model)), jobs, size)


def _by_optimisation(sources, out: Path, size, given: Mapping[str, Any]) -> None:
    if len(sources) != 2:
        raise UsageError(
            "expected two pictures, CONTENT STYLE; more pictures need --model RUN"
        )
    if given.get("style_weight", 1.0) <= 0:
        raise UsageError(f"--style-weight: expected > 0, found {given['style_weight']}")
    if given.get("smooth", 0.0) < 0:
        raise UsageError(f"--smooth: expected >= 0, found {given['smooth']}")
    for name, known in (
        ("pooling", _POOLINGS), ("start", _STARTS), ("minimiser", _MINIMISERS),
    ):  # fmt: skip
        if name in given:
            choose(f"--{name}", given[name], dict.fromkeys(known))
    from cai_keras.cli.stylize_search import Search, check_output, read_pair, search

    check_output(out, sources)
    content, style = read_pair(*sources, size)
    load_tensorflow()
    search(content, style, out, replace(Search(), **given))
