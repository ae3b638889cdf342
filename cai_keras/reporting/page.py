"""The comparison as one web page: a single file that asks for nothing else.

The page needs no server and no network. Its Content-Security-Policy forbids every
request, and every script and style but the two written here: what a record, a config
or a figure brings along can be shown, but not run.
"""

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cai_keras.reporting import page_cards, page_claims, page_records
from cai_keras.reporting.curves import HEIGHT, WIDTH
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.page_benchmarks import BenchmarkTable
from cai_keras.reporting.style import COLOURS
from cai_keras.reporting.table import LEGEND, Row


def to_html(
    rows: Sequence[Row],
    papers: Sequence[Any],
    runs: Sequence[FinishedRun],
    output: Path,
    missing: str = "",
    benchmarks: Sequence[BenchmarkTable] = (),
) -> str:
    """The whole page; the same text for the same rows, papers and runs.

    Args:
        rows: of the comparison table.
        papers: with `slug` and `file`, as `training.config.Paper` has them.
        runs: every run below `output`; the scale `smoke` is only counted.
        output: the folder of runs, for the figures in it.
        missing: what could not be read, a sentence or nothing.
        benchmarks: files of measurements; without any there is no such section.
    """
    environment = _environment()
    claims = page_claims.claim_rows(rows)
    style = _line_colours() + _source(environment, "report.css")
    script = _source(environment, "report.js")
    text = environment.get_template("report.html.jinja").render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        columns=page_claims.columns(rows),
        claims=claims,
        filters=page_claims.facet_options(claims),
        totals=_verdict_totals(rows),
        verdicts=page_claims.VERDICTS,
        legend=LEGEND,
        cards=page_cards.paper_cards(rows, papers, runs, Path(output)),
        missing=missing,
        benchmarks=benchmarks,
        provenance=page_records.provenance(runs, [paper.slug for paper in papers]),
    )
    # A lone surrogate cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cai_keras.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.globals.update(
        look=page_claims.look,
        stand_in=page_claims.STAND_IN,
        num_colours=len(COLOURS),
        chart=(WIDTH, HEIGHT),
    )
    return environment


def _source(environment: Environment, name: str) -> str:
    """A template's file as it stands: braces in CSS and JavaScript mean nothing."""
    return environment.loader.get_source(environment, name)[0]


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _line_colours() -> str:
    """The figures' palette; its black follows the text, which is white on dark."""
    colours = ("currentColor" if c == "#000000" else c for c in COLOURS)
    return "".join(
        f".line-{index} {{ --line: {colour}; }}\n"
        for index, colour in enumerate(colours)
    )


@functools.lru_cache(maxsize=10_000)  # few names, each in many rows
def _breakable(text: str) -> Markup:
    """Escaped, with places where a long name may go on in the next line."""
    escaped = str(escape(text))
    # No entity contains one of these, so that none is torn apart.
    for mark in ("/", "_", "@", "="):
        escaped = escaped.replace(mark, f"{mark}<wbr>")
    return Markup(escaped)


def _verdict_totals(rows: Sequence[Row]) -> list[tuple[str, int]]:
    counts = Counter(row.verdict for row in rows)
    words = page_claims.known_first(counts, list(page_claims.VERDICTS))
    return [(word, counts[word]) for word in words]
