"""What a call of `cai train` leaves beside its runs: figures and tables over them."""

from pathlib import Path

from cai_keras.cli import papers
from cai_keras.cli.figure import draw_group_figures
from cai_keras.cli.output import console, errors
from cai_keras.cli.report_view import print_comparison
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.damage import Findings, read_folder
from cai_keras.reporting.finished import group_runs
from cai_keras.reporting.table import Row, build_rows


def write_summary(output: Path, chosen, scale: str) -> None:
    """After training: figures over the runs, the tables, and the table printed."""
    claims = [papers.claims_of(paper) for paper in papers.find_papers(["all"])]
    found = read_folder(output, claims)
    for paper in chosen:
        groups = {
            key: group
            for key, group in group_runs(found.runs).items()
            if key[:2] == (paper.slug, scale)
        }
        for path in draw_group_figures(paper, groups, output, None):
            console.print(f"figure: {path}", highlight=False, soft_wrap=True)
    rows = build_rows(claims, found.records, found.foreign)
    write_tables(output, rows, found)
    slugs = {paper.slug for paper in chosen}
    shown = [row for row in rows if row.paper in slugs]
    judged = [row for row in shown if row.verdict != "not run"]
    if judged:
        print_comparison(judged, found.records)
    if len(judged) < len(shown):
        console.print(f"{len(shown) - len(judged)} more claims are not run")
    if scale == "smoke":
        console.print("smoke runs check the wiring and never enter the table")
    say_damage(found)
    console.print(f"table: {output / 'TABLE.md'}", highlight=False, soft_wrap=True)


def write_tables(output: Path, rows: list[Row], found: Findings) -> None:
    from cai_keras.reporting import formats

    title = "# Paper against ours\n\nWritten by `cai report --write`; do not edit.\n"
    if found.problems:
        title += f"\n{damage_text(found)}.\n"
    measured = formats.measured_markdown(found.records)
    parts = [title, formats.to_markdown(rows), "## What was measured\n", measured]
    write_atomic(output / "TABLE.md", "\n".join(parts))
    write_atomic(output / "table.csv", formats.to_csv(rows))


def say_damage(found: Findings) -> None:
    for problem in found.problems:
        errors.print(
            f"left out: {problem}", markup=False, highlight=False, soft_wrap=True
        )


def damage_text(found: Findings) -> str:
    count = len(found.problems)
    return f"{count} damaged file{'' if count == 1 else 's'} left out"
