"""The comparison table: paper against ours, from claims and records alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cai_keras.reporting import cells
from cai_keras.reporting.claims import Claim, EffectClaim, PaperClaims, ValueClaim
from cai_keras.reporting.foreign import ForeignResult
from cai_keras.reporting.grouping import DataLabels, Group, changes_of, group_records
from cai_keras.reporting.record import Record
from cai_keras.reporting.verdict import judge_effect, judge_value

FOREIGN = "foreign"


@dataclass(frozen=True)
class Row:
    """One claim at one scale on one data set, or a foreign result: ready to print.

    Texts are as people read them; the numbers below them are the same, unrounded, for
    programs, and None where there are none.

    Attributes:
        ours: mean ± standard deviation [95 % interval]; of a foreign result its own.
        count: seeds; None where a foreign result does not say.
        kind: `value`, `effect` or `foreign`.
        seeds_needed: see `Verdict`.
        wall_seconds: of one run of the claim's variant, mean over the finished ones.
    """

    paper: str
    claim: str
    source: str
    metric: str
    published: str
    ours: str
    count: int | None
    difference: str
    data: str
    protocol: str
    verdict: str
    note: str
    kind: str = ""
    variant: str = ""
    scale: str = ""
    hardware: str = ""
    wall_time: str = ""
    method: str = ""
    published_value: float | None = None
    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    seeds_needed: int | None = None
    steps_percent: float | None = None
    data_percent: float | None = None
    wall_seconds: float | None = None


COLUMNS = {
    "paper": "Paper",
    "claim": "Claim",
    "source": "Source",
    "published": "Published",
    "ours": "Measured",
    "count": "n",
    "difference": "Difference",
    "data": "Data",
    "protocol": "Protocol",
    "hardware": "Hardware",
    "wall_time": "Wall time",
    "method": "Method",
    "verdict": "Verdict",
    "note": "Note",
}

LEGEND = (
    "Measured is the mean ± standard deviation over n seeds with its 95 % interval; "
    "for effects it is the mean difference over paired seeds (method minus baseline, "
    "positive where the method is better). Method names the interval: Student's t, or "
    "the BCa bootstrap from 30 seeds on. A value claim is judged only by runs that "
    "kept the paper's protocol: the paper's data, steps and recipe. Wall time is that "
    "of one run. Rows marked foreign are other people's numbers: not judged, and never "
    "averaged with ours."
)


def build_rows(
    papers: Sequence[PaperClaims],
    records: Sequence[Record],
    foreign: Sequence[ForeignResult] = (),
) -> list[Row]:
    """Rows in the order of papers, claims, groups of records, then foreign results.

    The scale `smoke` checks wiring and never enters the table. A claim without any
    record gives one row `not run`.
    """
    by_paper, by_claim = defaultdict(list), defaultdict(list)
    for record in records:
        if record.scale != "smoke":
            by_paper[record.paper].append(record)
    for result in foreign:
        by_claim[result.paper, result.claim].append(result)
    rows = []
    for paper in papers:
        builder = _RowBuilder(paper, by_paper[paper.slug])
        for claim in paper.claims:
            rows += list(builder.rows(claim)) or [builder.not_run(claim)]
            rows += [_foreign_row(r, claim) for r in by_claim[paper.slug, claim.id]]
        rows += [_foreign_row(r, None) for r in by_claim[paper.slug, None]]
    return rows


class _RowBuilder:
    """The rows of one paper."""

    def __init__(self, paper: PaperClaims, records: Sequence[Record]) -> None:
        self._paper = paper
        self._groups = group_records(records)
        self._label = DataLabels(records)
        self._examples = _paper_examples(records)

    def rows(self, claim: Claim) -> Iterator[Row]:
        """The claim against every group that has its runs."""
        for copies in self._groups.values():
            found = [row for g in copies.values() if (row := self._row(claim, g))]
            if not found and len(copies) > 1:
                # Method and baseline ran on two copies of the data: the row says so.
                row = self._row(claim, _merged(copies.values()))
                found = [row] if row and row.verdict == "not comparable" else []
            yield from found

    def not_run(self, claim: Claim) -> Row:
        """The claim that no record is about."""
        return Row(**cells.claim_cells(self._paper.slug, claim), **cells.NOTHING)

    def _row(self, claim: Claim, group: Group) -> Row | None:
        runs, others = group.get(claim.variant, []), []
        if isinstance(claim, EffectClaim):
            others = group.get(claim.baseline, [])
        if not runs or (isinstance(claim, EffectClaim) and not others):
            return None
        if isinstance(claim, EffectClaim):
            verdict = judge_effect(claim, runs, others)
        else:
            verdict = judge_value(claim, runs, self._paper.seeds[claim.variant])
        planned = self._paper.paper_steps.get(claim.variant, 0)
        whole = self._examples.get(runs[0].dataset.name)
        if runs[0].dataset.stand_in:
            whole = None
        return Row(
            **cells.claim_cells(self._paper.slug, claim),
            **cells.measured_cells(claim, verdict),
            **cells.run_cells(runs, others, planned, whole),
            data=self._label(runs[0]),
        )


def _foreign_row(result: ForeignResult, claim: Claim | None) -> Row:
    """Other people's number beside ours. No verdict: how it came about is not known."""
    spread = "" if result.deviation is None else f" ± {result.deviation:g}"
    sign = "+" if isinstance(claim, EffectClaim) else ""
    changes = {
        "paper": result.paper,
        "claim": f"{result.variant}: {result.metric}",
        "variant": result.variant,
        "metric": result.metric,
        "published": "",
        **(cells.claim_cells(result.paper, claim) if claim else {}),
        "kind": FOREIGN,
        "source": result.source,
        "ours": f"{result.value:{sign}g}{spread} ({FOREIGN})",
        "count": result.count,
        "verdict": FOREIGN,
        "note": result.note,
        "hardware": result.hardware,
        "mean": result.value,
        "deviation": result.deviation,
    }
    # Nobody says by which extractor or resizing a foreign number was measured.
    if isinstance(claim, ValueClaim) and not claim.passport:
        changes["difference"] = f"{result.value - claim.value:+g}"
    return Row(**{**cells.NOTHING, **changes})


def _paper_examples(records: Iterable[Record]) -> Mapping[str, int]:
    """By data set, the training examples of the full protocol, where a run kept it.

    No config says how many there are: only a run at the `paper` scale has counted.
    """
    counts = defaultdict(set)
    for record in records:
        is_full = record.scale == "paper" and not record.dataset.stand_in
        if is_full and not changes_of(record):
            counts[record.dataset.name].add(record.dataset.examples.get("train"))
    return {k: v.pop() for k, v in counts.items() if len(v) == 1 and None not in v}


def _merged(groups: Iterable[Group]) -> Group:
    merged = defaultdict(list)
    for group in groups:
        for variant, records in group.items():
            merged[variant].extend(records)
    return merged
