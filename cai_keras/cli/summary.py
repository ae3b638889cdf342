"""What a call of `cai train` leaves beside its runs: figures and tables over them."""

from pathlib import Path

from cai_keras.cli import papers, tensorboard
from cai_keras.cli.damage_view import damage_text, say_damage
from cai_keras.cli.drawing import draw_over_runs
from cai_keras.cli.output import console
from cai_keras.cli.report_view import print_comparison
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.damage import Findings, read_folder
from cai_keras.reporting.table import Row, build_rows
from cai_keras.reporting.verdict import NOT_RUN


def write_summary(output: Path, chosen, scale: str) -> None:
    """After training: figures over the runs, the tables, and the table printed."""
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    found = read_folder(output, claims)
    for paper in chosen:
        place = (paper.slug, scale)
        runs = [r for r in found.runs if (r.record.paper, r.record.scale) == place]
        for drawing in draw_over_runs(paper, paper.file.figures, runs, output):
            drawing.show("figure: ")
    rows = build_rows(claims, found.records, found.foreign)
    write_tables(output, rows, found)
    slugs = {paper.slug for paper in chosen}
    shown = [row for row in rows if row.paper in slugs]
    if scale != "smoke" or any(row.verdict != NOT_RUN for row in shown):
        print_comparison(shown, [r for r in found.records if r.paper in slugs])
    if scale == "smoke":
        console.print("smoke runs check the wiring and never enter the table")
    say_damage(found.problems)
    tensorboard.update(output, found, rows)
    console.print(f"table: {output / 'TABLE.md'}", highlight=False, soft_wrap=True)


def write_tables(output: Path, rows: list[Row], found: Findings) -> None:
    from cai_keras.reporting import formats

    title = "# Paper against ours\n\nWritten by `cai report --write`; do not edit.\n"
    if found.problems:
        title += f"\n{damage_text(found.problems)}.\n"
    measured = formats.measured_markdown(found.records)
    parts = [title, formats.to_markdown(rows), "## What was measured\n", measured]
    write_atomic(output / "TABLE.md", "\n".join(parts))
    write_atomic(output / "table.csv", formats.to_csv(rows))
