"""Which runs a path means, and which runs of two paths belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.damage import read_sound_runs
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RECORD, find_run


@dataclass(frozen=True)
class Selection:
    """The runs that a path means.

    Attributes:
        problems: one line for every record below a folder that could not be read.
    """

    runs: Sequence[FinishedRun]
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Pair:
    """Two finished runs that are compared with each other."""

    a: FinishedRun
    b: FinishedRun


@dataclass(frozen=True)
class Match:
    """One variant of A and one of B, with the runs that pair.

    Attributes:
        a, b: `paper/scale/run_name`.
        pairs: of equal seeds, in the order of seeds.
        left_out: seeds of which one side has no finished run, each with the reason.
        lost: those of `left_out` that A finished and B tried but did not, with A's run.
    """

    a: str
    b: str
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...] = ()
    lost: tuple[tuple[FinishedRun, str], ...] = ()

    @property
    def name(self) -> str:
        return self.a if self.a == self.b else f"{self.b} against {self.a}"


@dataclass(frozen=True)
class Matching:
    """What two selections of runs have in common, and what only one of them has."""

    matches: tuple[Match, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def select_runs(path: Path) -> Selection:
    """The run that `path` names (folder or record.json), or every run below it.

    Raises:
        UsageError: there is none, the record of the run that `path` names is damaged,
            or two folders hold the same run.
    """
    path = Path(path)
    if path.name == RECORD or (path / RECORD).exists():
        folder = find_run(path)
        return Selection([FinishedRun(folder, folder.record())])
    if not path.exists():
        raise UsageError(f"{path}: no such run or folder{_suggestion(path)}")
    runs, problems = read_sound_runs(path)
    if problems and not runs:
        raise UsageError(f"{path}: no run that can be read below it; {problems[0]}")
    if not runs:
        raise UsageError(f"{path}: no run below it (expected seed0/{RECORD} or deeper)")
    seen: dict[tuple, Path] = {}
    for run in runs:
        key = (variant_name(run.record), run.record.seed)
        if key in seen:
            raise UsageError(
                f"{path}: {seen[key]} and {run.folder.path} hold the same run "
                f"({key[0]} seed {key[1]}); name one of their folders"
            )
        seen[key] = run.folder.path
    return Selection(runs, problems)


def _suggestion(path: Path) -> str:
    """The name beside `path` that is nearest to its own, if one is near."""
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    text = nearest(path.name, names)
    return f"; {text}" if text.startswith("did") else ""


def variant_name(record: Record) -> str:
    """`paper/scale/run_name`, as in the output folder."""
    return one_line(f"{record.paper}/{record.scale}/{record.run_name}")


def match_runs(a: Sequence[FinishedRun], b: Sequence[FinishedRun]) -> Matching:
    """Pairs runs by paper, scale, run name and seed.

    Where each side is one variant, these two are compared whatever their names, and
    two single runs whatever their seeds.
    """
    groups_a, groups_b = _by_variant(a), _by_variant(b)
    if len(groups_a) == len(groups_b) == 1:
        ((name_a, runs_a),) = groups_a.items()
        ((name_b, runs_b),) = groups_b.items()
        return Matching((_match(name_a, runs_a, name_b, runs_b),), (), ())
    both = [name for name in groups_a if name in groups_b]
    return Matching(
        tuple(_match(name, groups_a[name], name, groups_b[name]) for name in both),
        tuple(_listed(name, groups_a[name]) for name in groups_a if name not in both),
        tuple(_listed(name, groups_b[name]) for name in groups_b if name not in both),
    )


def _by_variant(runs: Sequence[FinishedRun]) -> dict[str, dict[int, FinishedRun]]:
    groups: dict[str, dict[int, FinishedRun]] = {}
    for run in runs:
        seeds = groups.setdefault(variant_name(run.record), {})
        seeds[run.record.seed] = run
    return groups


def _match(
    name_a: str,
    runs_a: dict[int, FinishedRun],
    name_b: str,
    runs_b: dict[int, FinishedRun],
) -> Match:
    if len(runs_a) == len(runs_b) == 1:
        # Two runs that somebody put side by side; the seeds may be what differs.
        runs_b = dict(zip(runs_a, runs_b.values(), strict=True))
    runs_a, runs_b = _repeated(runs_a, runs_b), _repeated(runs_b, runs_a)
    pairs, left_out, lost = [], [], []
    for seed in sorted({*runs_a, *runs_b}):
        a, b = runs_a.get(seed), runs_b.get(seed)
        if _is_done(a) and _is_done(b):
            pairs.append(Pair(a, b))
            continue
        reasons = [
            text for side, run in (("A", a), ("B", b)) if (text := _absence(side, run))
        ]
        left_out.append(f"seed {seed}: {', '.join(reasons)}")
        if _is_done(a) and b is not None:
            lost.append((a, left_out[-1]))
    return Match(name_a, name_b, tuple(pairs), tuple(left_out), tuple(lost))


def _repeated(
    runs: dict[int, FinishedRun], others: dict[int, FinishedRun]
) -> dict[int, FinishedRun]:
    """One run of a method without weights stands for every seed of the other side.

    An untrained network is not such a method: its random weights depend on the seed.
    """
    only = next(iter(runs.values()))
    record = only.record
    if len(runs) == 1 and record.steps_planned == 0 and not record.parameters:
        return dict.fromkeys(others, only)
    return runs


def _is_done(run: FinishedRun | None) -> bool:
    return run is not None and run.record.state == "done"


def _absence(side: str, run: FinishedRun | None) -> str:
    """Why `side` has nothing to compare; empty where it has."""
    if run is None:
        return f"not in {side}"
    if _is_done(run):
        return ""
    reason = f" ({one_line(run.record.reason)})" if run.record.reason else ""
    return f"{run.record.state} in {side}{reason}"


def _listed(name: str, runs: dict[int, FinishedRun]) -> str:
    return f"{name}, seed {', '.join(map(str, sorted(runs)))}"
