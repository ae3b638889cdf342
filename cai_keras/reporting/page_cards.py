"""The page's cards: what one paper claims, and the curves and figures of its runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cai_keras.reporting.claims import EffectClaim
from cai_keras.reporting.curves import Panel, draw_panel, read_curves
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.grouping import DataLabels
from cai_keras.reporting.page_claims import STAND_IN, VERDICTS, known_first
from cai_keras.reporting.page_pictures import Picture, read_picture
from cai_keras.reporting.page_records import RecordTable, label_of, record_table
from cai_keras.reporting.paper_figures import OURS, PaperFigure
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.rounding import given
from cai_keras.reporting.table import Row

_PAGE_BYTES, _GROUP_BYTES = 15_000_000, 1_500_000  # of pictures


@dataclass(frozen=True)
class Outcome:
    """What one group of runs says about a claim."""

    verdict: str
    ours: str
    count: int | None
    data: str
    protocol: str
    note: str


@dataclass(frozen=True)
class ClaimCard:
    """A claim in words, and what became of it."""

    id: str
    demand: str
    metric: str
    source: str
    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class FigureText:
    """What stands above a figure: empty for one that the paper's file does not name."""

    id: str
    caption: str = ""
    credit: str = ""


@dataclass(frozen=True)
class RunGroup:
    """Finished runs of one scale on one data set: their curves and figures.

    Attributes:
        data: the name as the table prints it, with the mark of a stand-in.
        legend: the key of a line and what it stands for.
        shared, single: figures over all runs, and those of one run.
        unshown: how many figures were left out to keep the page small.
    """

    scale: str
    data: str
    num_runs: int
    panels: Sequence[Panel]
    legend: Sequence[tuple[int, str]]
    shared: Sequence[Picture]
    single: Sequence[Picture]
    unshown: int
    notes: Sequence[str]


@dataclass(frozen=True)
class PaperCard:
    """Everything about one paper.

    Attributes:
        figures: in the paper's order, then those that its file does not name.
    """

    slug: str
    info: Any
    verdicts: Sequence[tuple[str, int]]
    on_stand_in: int
    claims: Sequence[ClaimCard]
    networks: Sequence[Any]
    deviations: Sequence[Any]
    figures: Sequence[FigureText]
    groups: Sequence[RunGroup]
    records: RecordTable


def paper_cards(
    rows: Sequence[Row],
    papers: Sequence[Any],
    runs: Sequence[FinishedRun],
    output: Path,
) -> list[PaperCard]:
    """One card for each paper, also for those without a run."""
    shown = [run for run in runs if run.record.scale != "smoke"]
    by_paper = {
        paper.slug: [run for run in shown if run.record.paper == paper.slug]
        for paper in papers
    }
    # The same room for every group on the page, whichever paper it is of.
    counts = {slug: len(_by_setting(own)) for slug, own in by_paper.items()}
    share = min(_GROUP_BYTES, _PAGE_BYTES // max(1, sum(counts.values())))
    cards = []
    for paper in papers:
        own = by_paper[paper.slug]
        own_rows = [row for row in rows if row.paper == paper.slug]
        verdicts = Counter(row.verdict for row in own_rows)
        groups = _run_groups(paper, own, output, share * counts[paper.slug])
        cards.append(
            PaperCard(
                slug=paper.slug,
                info=paper.file.paper,
                verdicts=[
                    (w, verdicts[w]) for w in known_first(verdicts, list(VERDICTS))
                ],
                on_stand_in=sum(row.data.endswith(STAND_IN) for row in own_rows),
                claims=_claim_cards(paper.file.claims, own_rows),
                networks=paper.file.networks,
                deviations=paper.file.deviations,
                figures=_figure_texts(paper.file.figures, groups),
                groups=groups,
                records=record_table(own, list(paper.file.variants)),
            )
        )
    return cards


def _figure_texts(
    figures: Sequence[PaperFigure], groups: Sequence[RunGroup]
) -> list[FigureText]:
    shown = {p.title for group in groups for p in (*group.shared, *group.single)}
    known = {figure.id: _figure_text(figure) for figure in figures}
    order = known_first(shown, list(known))
    return [known.get(name, FigureText(name)) for name in order]


def _figure_text(figure: PaperFigure) -> FigureText:
    own = figure.source.removeprefix(OURS)
    credit = f"After {own}" if own == figure.source else f"Ours: {own}"
    return FigureText(figure.id, figure.caption, credit)


def _claim_cards(claims: Sequence[Any], rows: Sequence[Row]) -> list[ClaimCard]:
    return [*(_claim_card(c, rows) for c in claims), *_other_cards(claims, rows)]


def _claim_card(claim: Any, rows: Sequence[Row]) -> ClaimCard:
    shown = claim.metric
    if isinstance(claim, EffectClaim):
        shown, demand = claim.metrics, _effect(claim)
        if claim.published is not None:
            demand += f"; published {claim.published:+g}"
    else:
        demand = f"{claim.variant}: {given(claim.value)} ± {claim.tolerance:g}"
    return ClaimCard(
        id=claim.id,
        demand=demand,
        metric=f"{shown}, {claim.better} is better",
        source=claim.source,
        outcomes=[_outcome(row, claim.source) for row in rows if row.claim == claim.id],
    )


def _effect(claim: EffectClaim) -> str:
    margin = f" by more than {claim.margin:g}" if claim.margin else ""
    relation = "better"
    if claim.margin < 0:
        relation, margin = "worse", f" by less than {-claim.margin:g}"
    return f"{claim.variant} {relation} than {claim.baseline}{margin}"


def _other_cards(claims: Sequence[Any], rows: Sequence[Row]) -> list[ClaimCard]:
    """Rows about no claim of the paper: foreign results that nobody claimed."""
    known = {claim.id for claim in claims}
    others = [row for row in rows if row.claim not in known]
    return [
        ClaimCard(row.claim, "", row.metric, row.source, [_outcome(row, row.source)])
        for row in others
    ]


def _outcome(row: Row, claim_source: str) -> Outcome:
    """A foreign result has a source of its own, which its note then names."""
    notes = [row.note, row.source if row.source != one_line(claim_source) else ""]
    note = " · ".join(text for text in notes if text)
    return Outcome(row.verdict, row.ours, row.count, row.data, row.protocol, note)


def _run_groups(
    paper: Any, runs: Sequence[FinishedRun], output: Path, budget: int
) -> list[RunGroup]:
    variants = list(paper.file.variants)
    declared = [figure.id for figure in paper.file.figures]
    groups = [(key, _by_label(m, variants)) for key, m in _by_setting(runs).items()]
    curves = [read_curves(by_label) for _, by_label in groups]
    drawn = {label for found, _ in curves for c in found.values() for label in c}
    keys = {
        label: number
        for number, label in enumerate(known_first(drawn, variants), start=1)
    }
    views, folders = [], set()
    for number, ((key, by_label), (found, notes)) in enumerate(
        zip(groups, curves, strict=True)
    ):
        folder = output / paper.slug / key.scale / "figures" / key.data
        # What one group leaves is for those after it.
        share = budget // (len(groups) - number)
        # Two copies of a data set share the figures of its name: shown once.
        paths = [] if folder in folders else _png_files(folder)
        ids = known_first({path.stem for path in paths}, declared)
        shared = [folder / f"{name}.png" for name in ids]
        album = _album(shared, by_label, share)
        folders.add(folder)
        budget -= sum(len(picture.uri) for picture in (*album.shared, *album.single))
        here = {label for curves in found.values() for label in curves}
        views.append(
            RunGroup(
                scale=key.scale,
                data=key.label,
                num_runs=sum(map(len, by_label.values())),
                panels=[draw_panel(name, c, keys) for name, c in found.items()],
                legend=[(keys[label], label) for label in keys if label in here],
                shared=album.shared,
                single=album.single,
                unshown=album.unshown,
                notes=[*notes, *album.notes],
            )
        )
    return views


class _Setting(NamedTuple):
    """Where runs belong together on the page, in the page's order."""

    is_reduced: bool
    scale: str
    stand_in: bool
    data: str
    label: str


def _by_setting(runs: Sequence[FinishedRun]) -> dict[_Setting, list[FinishedRun]]:
    """Finished runs by scale and copy of a data set; the full protocol first."""
    label = DataLabels(run.record for run in runs)
    found: dict[_Setting, list[FinishedRun]] = {}
    for run in runs:
        record = run.record
        if record.state == "done":
            data = record.dataset
            key = _Setting(
                record.scale != "paper", record.scale, data.stand_in, data.name,
                label(record),
            )  # fmt: skip
            found.setdefault(key, []).append(run)
    return dict(sorted(found.items()))


def _by_label(
    runs: Sequence[FinishedRun], variants: Sequence[str]
) -> dict[str, list[FinishedRun]]:
    """Runs that differ in nothing but the seed, in the order of the paper's variants.

    Of one variant, runs without changes come first.
    """
    found: dict[str, list[FinishedRun]] = {}
    for run in sorted(runs, key=lambda run: (run.record.seed, str(run.folder.path))):
        found.setdefault(label_of(run.record), []).append(run)
    place = {variant: number for number, variant in enumerate(variants)}

    def order(label: str) -> tuple[int, str]:
        return place.get(found[label][0].record.variant, len(place)), label

    return {label: found[label] for label in sorted(found, key=order)}


@dataclass
class _Album:
    """Pictures of one group until the bytes are used up."""

    left: int
    shared: list[Picture] = field(default_factory=list)
    single: list[Picture] = field(default_factory=list)
    unshown: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, place: list[Picture], path: Path, caption: str) -> None:
        if self.left <= 0:
            self.unshown += 1
            return
        try:
            picture = read_picture(path, path.stem, caption)
        except ValueError as error:
            self.notes.append(f"{error} ({caption})")
            return
        if len(picture.uri) > self.left:
            self.left = 0  # the first ones matter most: no smaller one slips in
            self.unshown += 1
            return
        place.append(picture)
        self.left -= len(picture.uri)


def _album(
    shared: Sequence[Path],
    by_label: Mapping[str, Sequence[FinishedRun]],
    budget: int,
) -> _Album:
    """The figures over all runs, then those of each variant's first run."""
    album = _Album(budget)
    for path in shared:
        album.add(album.shared, path, "all variants")
    for label, members in by_label.items():
        drawn = [(run, _png_files(run.folder.figures)) for run in members]
        run, paths = next((pair for pair in drawn if pair[1]), (None, []))
        for path in paths:
            album.add(album.single, path, f"{label}, seed {run.record.seed}")
    return album


def _png_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.png"))
    except (OSError, ValueError):  # a data set's name need not be a folder's name
        return []
