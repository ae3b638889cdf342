"""`cai sample`: pictures from a generator that a run has trained."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import say
from cai_keras.errors import UsageError
from cai_keras.reporting.run_folder import RunFolder, find_run
from cai_keras.training.config import Paper


def sample(
    run: Annotated[Path, typer.Argument(help="A run folder or its record.json.")],
    out: Annotated[
        Path, typer.Option(help="A grid (.png, .jpg), arrays (.npz) or a folder.")
    ],
    number: Annotated[
        int | None, typer.Option("--n", min=1, help="Pictures. Default: 64.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS,CLASS",
            help="Numbers or names, in turn; all: a row for each class, a latent "
            "vector for each column. Default: every class in turn.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the latent vectors. Default: 0.")
    ] = None,
    latents: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="Own latent vectors.")
    ] = None,
    grid: Annotated[
        bool | None,
        typer.Option(
            "--grid/--separate",
            help="One picture, or a folder of many. Default: as the name of --out.",
        ),
    ] = None,
    columns: Annotated[
        int | None, typer.Option(min=1, help="Of a grid, or of --labels all.")
    ] = None,
    scale: Annotated[
        int | None, typer.Option(min=1, help="Enlarge every pixel so often.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Computed at once. Default: the paper's.")
    ] = None,
) -> None:
    """Draw pictures from a trained generator, without its data set.

    A seed gives the same latent vectors in the same order, however many are drawn.
    """
    from cai_keras.cli.sample_files import find_kind, write_drawn
    from cai_keras.cli.sample_request import read_latents, request_samples

    kind = find_kind(out, grid)
    if seed is not None and latents is not None:
        raise UsageError("--seed: not with --latents, which are drawn already")
    if columns is not None and kind != "grid" and labels != "all":
        raise UsageError("--columns is for a grid, or for --labels all")
    if scale is not None and kind == "arrays":
        raise UsageError("--scale: not with .npz, which has the pictures as they are")
    folder, paper, network = _find(run)
    own = None if latents is None else read_latents(latents)
    load_tensorflow()
    from cai_keras.cli.sample_drawing import draw, load_sampler

    sampler = load_sampler(folder, paper, network, batch_size)
    request = request_samples(
        sampler.class_names, labels, number, columns, None if own is None else len(own)
    )
    drawn = draw(sampler, request, seed or 0, own)
    write_drawn(drawn, out, kind, request.columns, scale or 1)
    source = f"seed {seed or 0}" if latents is None else f"latent vectors of {latents}"
    say(f"{out}: {drawn.describe()}, {source}")


def _find(run: Path) -> tuple[RunFolder, Paper, Path]:
    """The run, its paper, its generator's file; refuses what needs no TensorFlow."""
    if run.suffix == ".keras":
        raise UsageError(
            f"{run}: expected a run's folder; a network's file does not say what its "
            "latent vectors are drawn from"
        )
    folder = find_run(run)
    record = folder.record()
    paper = papers.find_paper(record.paper)
    if not papers.draws_pictures(paper.slug):
        able = ", ".join(filter(papers.draws_pictures, papers.paper_slugs()))
        raise UsageError(
            f"{folder.path}: {paper.slug} has no sampler; papers that have one: "
            f"{able or 'none'}"
        )
    if record.state != "done":
        raise UsageError(f"{folder.path}: the run is {record.state}, not done")
    file = folder.checkpoints / "generator.keras"
    if not file.is_file():
        raise UsageError(
            f"{file}: no such file; cai train {paper.slug} --scale "
            f"{record.scale} --variant {record.variant} makes it"
        )
    return folder, paper, file
