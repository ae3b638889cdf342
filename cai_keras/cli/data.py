"""`cai data list`, `prepare`, `sheet`, `doctor` and `serve`."""

import signal
import threading
from typing import Annotated

import typer

from cai_keras.cli import data_sheet, papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import console, print_json, print_table
from cai_keras.errors import CaiError, DataError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    help="Data sets: what each paper needs, what is there, how to get the rest.",
)
_Paper = Annotated[str | None, typer.Argument(metavar="[PAPER]")]


@app.command("list")
def list_data(
    paper: _Paper = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """The data set of every paper at every scale, and whether it is there."""
    load_tensorflow()
    from cai_keras.data.source import state_of

    rows = [
        {"paper": slug, "scale": scale, "spec": spec, "state": state_of(spec)}
        for slug, scale, spec in _needs(paper)
    ]
    if as_json:
        print_json(rows)
        return
    headings = {"paper": "Paper", "scale": "Scale", "spec": "Data", "state": "State"}
    print_table(headings, rows)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, help="0 chooses a free one.")] = 5050,
) -> None:
    """Compute input pipelines for `--set train.data_service=[grpc://HOST:PORT]`.

    Runs until Ctrl-C or SIGTERM. Anyone who reaches the port can use it: keep it in
    a closed network.
    """
    load_tensorflow()
    from cai_keras.data.service import serve as start

    asked = threading.Event()
    # By name: a shell lets processes in the background ignore Ctrl-C.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: asked.set())
    dispatcher, worker = start(port)
    console.print(f"serving at {dispatcher.target}", markup=False, highlight=False)
    asked.wait()  # dispatcher.join() would hear no signal
    del worker, dispatcher  # stops them, the worker first


@app.command()
def prepare(
    target: Annotated[str, typer.Argument(help="A paper, or a spec such as tfds:X.")],
    scale: Annotated[str | None, typer.Option(help="Default: every scale.")] = None,
) -> None:
    """Download or generate data sets into TFDS's folder (TFDS_DATA_DIR)."""
    load_tensorflow()
    from cai_keras.data import source
    from cai_keras.data.spec import DataSpec

    if ":" in target:
        specs = [target]
    else:
        found = [need for need in _needs(target) if scale in (None, need[1])]
        if not found:
            raise UsageError(f"--scale {scale}: expected smoke, small or paper")
        specs = sorted({spec for _, _, spec in found})
    for text in specs:
        spec = DataSpec.parse(text)
        if spec.kind == "folder":
            raise UsageError(f"{spec}: a folder is read as it is; try cai data doctor")
        if ":" not in target and _is_made_in_memory(target, spec):
            console.print(f"made while training: {spec}", highlight=False)
            continue
        if spec.kind == "tfds":
            console.print(f"downloading {spec}", highlight=False)
        prepare_one = (
            source.open_embedded if spec.kind == "embedded" else source.download
        )
        builder = prepare_one(spec)
        console.print(f"ready: {builder.data_dir}", highlight=False, soft_wrap=True)


app.command("sheet")(data_sheet.sheet)


@app.command()
def doctor(
    paper: _Paper = None,
    data: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Check this for PAPER instead.")
    ] = None,
) -> None:
    """Check data sets to the last file; every problem with its exact fix."""
    if data is not None and paper is None:
        raise UsageError("--data needs a PAPER to check it for")
    count = 0
    needs = [(paper, "-", data)] if data is not None else _needs(paper)
    for slug, scale, spec in needs:
        check = papers.data_problems(papers.find_paper(slug))
        try:
            problems = check(spec)
        except DataError as error:
            problems = [str(error)]
        count += len(problems)
        place = f"{slug} {scale} {spec}"
        for line in [f"{place}: {p}" for p in problems] or [f"{place}: ok"]:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if count:
        raise CaiError(f"{count} problems with data sets")


def _is_made_in_memory(paper: str, spec) -> bool:
    """Whether a paper makes this set itself: there is no builder to prepare."""
    from cai_keras.data.source import EMBEDDED

    if spec.kind != "embedded" or spec.value.partition("/")[0] in EMBEDDED:
        return False
    return not papers.data_problems(papers.find_paper(paper))(str(spec))


def _needs(paper: str | None) -> list[tuple[str, str, str]]:
    """(paper, scale, spec) of every different data set."""
    slugs = papers.paper_slugs() if paper is None else [paper]
    needs = []
    for slug in slugs:
        found = papers.find_paper(slug)
        for scale in found.file.scales:
            specs = {found.recipe(scale, v).data.spec for v in found.variants}
            needs.extend((slug, scale, spec) for spec in sorted(specs))
    return needs
