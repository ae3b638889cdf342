"""`cai list`, `cai show`, `cai params`: what there is, without running it."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.output import console, print_json, print_table
from cai_keras.reporting.run_folder import find_runs

AsJson = Annotated[bool, typer.Option("--json", help="JSON for another program.")]
Output = Annotated[Path, typer.Option(help="Folder of runs.")]


def list_papers(as_json: AsJson = False, output: Output = Path("runs")) -> None:
    """Papers: title, year, networks, scales, data sets and state of their claims."""
    rows = [_summary(papers.find_paper(s), output) for s in papers.paper_slugs()]
    if as_json:
        print_json(rows)
        return
    shown = [
        {key: ", ".join(v) if isinstance(v, list) else v for key, v in row.items()}
        for row in rows
    ]
    columns = {
        "slug": "Paper", "title": "Title", "year": "Year", "networks": "Networks",
        "scales": "Scales", "datasets": "Data sets", "claims": "Claims",
        "runs": "Runs done",
    }  # fmt: skip
    for row in shown:
        row["year"] = str(row["year"])
    print_table(columns, shown)


def show(
    paper: Annotated[str, typer.Argument(help="As in cai list.")],
    scale: Annotated[str, typer.Option(help="smoke, small or paper.")] = "small",
    variant: Annotated[str | None, typer.Option(help="Default: the first.")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=V")] = None,
    data: Annotated[str | None, typer.Option(metavar="SPEC")] = None,
    as_json: AsJson = False,
) -> None:
    """The resolved config of a variant, the claims with sources, the deviations."""
    import yaml

    found = papers.find_paper(paper)
    recipe = found.recipe(scale, variant or found.variants[0], data, sets or ())
    file = found.file
    content = {
        "paper": file.paper.model_dump(),
        "scale": scale,
        "variant": recipe.variant,
        "variants": list(found.variants),
        "recipe": recipe.values,
        "claims": [claim.model_dump() for claim in file.claims],
        "deviations": [deviation.model_dump() for deviation in file.deviations],
    }
    if as_json:
        print_json(content)
        return
    console.print(f"[bold]{file.paper.title}[/bold] ({file.paper.year})")
    console.print(f"{file.paper.authors}. {file.paper.venue}\n")
    console.print(f"variants: {', '.join(found.variants)}\n")
    console.print(f"[bold]{scale} / {recipe.variant}[/bold]")
    text = yaml.safe_dump(recipe.values, sort_keys=False)
    console.print(text, markup=False, highlight=False)
    claims = [
        {
            "id": claim.id,
            "kind": claim.kind,
            "what": f"{claim.variant}: {claim.metric}"
            if claim.kind == "value"
            else f"{claim.variant} against {claim.baseline}: {claim.metrics}",
            "number": f"{claim.value:g} ± {claim.tolerance:g}"
            if claim.kind == "value"
            else f"> {claim.margin:g}",
            "source": claim.source,
        }
        for claim in file.claims
    ]
    headings = {
        "id": "Claim", "kind": "Kind", "what": "Of", "number": "Number",
        "source": "Source",
    }  # fmt: skip
    print_table(headings, claims, "Claims")
    rows = [deviation.model_dump() for deviation in file.deviations]
    headings = {"field": "Field", "paper": "Paper", "ours": "Ours", "why": "Why"}
    print_table(headings, rows, "Deviations")


def params(
    paper: Annotated[str, typer.Argument(help="As in cai list.")],
    multiply_adds: Annotated[
        bool,
        typer.Option(
            "--multiply-adds", help="Also the cost of one example; takes a while."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Parameter counts of every network at paper scale, beside the published ones."""
    found = papers.find_paper(paper)
    published = {(entry.variant, entry.network): entry for entry in found.file.networks}
    networks_of = papers.networks_of(found)
    from cai_keras.training.first_record import count_parameters

    rows = []
    for variant in found.variants:
        networks = networks_of(found.recipe("paper", variant))
        for name, counts in count_parameters(networks).items():
            entry = published.get((variant, name))
            row = {
                "variant": variant,
                "network": name,
                "trainable": counts.trainable,
                "total": counts.total,
                "published": entry.parameters if entry else None,
                "equal": entry.parameters == counts.trainable if entry else None,
                "source": entry.source if entry else "",
            }
            if multiply_adds:
                row["multiply_adds"] = _cost_of(networks[name])
            rows.append(row)
    if as_json:
        print_json(rows)
        return
    headings = {
        "variant": "Variant", "network": "Network", "trainable": "Trainable",
        "total": "Total", "published": "Published", "equal": "Equal",
        "source": "Source",
    }  # fmt: skip
    if multiply_adds:
        headings["multiply_adds"] = "Multiply-adds"
    print_table(headings, rows)


def _cost_of(network) -> int | None:
    """Multiply-adds of one example; None where the input's size is not known."""
    from cai_keras.training.multiply_adds import count_multiply_adds

    # A network that is a class of its own has no `inputs`.
    inputs = getattr(network, "inputs", None)
    if not inputs or any(None in x.shape[1:] for x in inputs):
        return None
    return count_multiply_adds(network)


def _summary(paper, output: Path) -> dict:
    file = paper.file
    kinds = [claim.kind for claim in file.claims]
    runs = [folder.record() for folder in find_runs(output / paper.slug)]
    done = sum(record.state == "done" for record in runs)
    return {
        "slug": paper.slug,
        "title": file.paper.title,
        "year": file.paper.year,
        "networks": sorted({entry.network for entry in file.networks}),
        "scales": list(file.scales),
        "datasets": file.paper.datasets,
        "claims": f"{kinds.count('value')} value, {kinds.count('effect')} effect",
        "runs": done,
    }
