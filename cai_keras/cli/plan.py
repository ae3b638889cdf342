"""Which runs a call of `cai train` means, and which of them are to be done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cai_keras.cli.output import say
from cai_keras.errors import UsageError
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.code_digest import code_digest
from cai_keras.training.config import Paper, Recipe, load_resolved


@dataclass(frozen=True)
class PlannedRun:
    """One run of a call of `cai train`."""

    paper: Paper
    recipe: Recipe
    seed: int
    folder: RunFolder

    @property
    def code(self) -> str:
        """Digest of the code that would make it now."""
        return code_digest(self.paper.folder)

    @property
    def title(self) -> str:
        return f"{self.recipe.run_name} seed {self.seed}"


@dataclass(frozen=True)
class InTheWay:
    """What to do with runs that are there already.

    Attributes:
        resume: continue those that are not finished.
        overwrite: replace every one.
        stale: `keep` or `rerun` those that other code made; None refuses them.
    """

    resume: bool = False
    overwrite: bool = False
    stale: str | None = None


def plan_runs(
    papers: Sequence[Paper],
    scale: str,
    variants: Sequence[str],
    data: str | None,
    changes: Sequence[str],
    seeds: Sequence[int] | None,
    output: Path,
) -> list[PlannedRun]:
    """Variants x seeds of every paper; all of its variants where none is named."""
    planned = []
    for paper in papers:
        for name in variants or paper.variants:
            recipe = paper.recipe(scale, name, data, changes)
            for seed in recipe.seeds if seeds is None else seeds:
                folder = RunFolder.of(output, paper.slug, scale, recipe.run_name, seed)
                planned.append(PlannedRun(paper, recipe, seed, folder))
    return planned


def needed_runs(
    planned: Iterable[PlannedRun], in_the_way: InTheWay
) -> list[tuple[PlannedRun, bool]]:
    """The runs to be done, each with whether it continues what is there.

    Raises:
        UsageError: a folder holds what may be neither kept, continued nor replaced.
            Names the first one and counts the others; nothing has been started then.
    """
    todo, refusals = [], []
    for run in planned:
        try:
            resume = _how(run, in_the_way)
        except UsageError as error:
            refusals.append(str(error))
            continue
        if resume is None:
            say(f"{run.folder.path}: done already")
        else:
            todo.append((run, resume))
    if refusals:
        more = f" ({len(refusals) - 1} more runs like it)" if refusals[1:] else ""
        raise UsageError(f"{refusals[0]}{more}")
    return todo


def _how(run: PlannedRun, in_the_way: InTheWay) -> bool | None:
    """Whether the run is continued or started; None where it is kept as it is."""
    record = run.folder.record()
    if record is None or in_the_way.overwrite:
        return False
    place = run.folder.path
    if not _has_same_config(run):
        raise UsageError(
            f"{place}: holds a run with another config; "
            "choose another --output, or --overwrite"
        )
    if not in_the_way.resume and record.state != "done":
        raise UsageError(
            f"{place}: holds a run that is {record.state}; "
            "continue with --resume, or --overwrite"
        )
    if record.code != run.code:
        if in_the_way.stale is None:
            raise UsageError(f"{place}: {_other_code(record)}")
        if in_the_way.stale == "rerun":
            return False
    return None if record.state == "done" else True


def _has_same_config(run: PlannedRun) -> bool:
    path = run.folder.config_path
    if not path.exists():
        return False
    return load_resolved(path, run.paper.slug).identity == run.recipe.identity


def _other_code(record: Record) -> str:
    how = "made by other code" if record.code else "made by code that is not recorded"
    verb = "keeps" if record.state == "done" else "continues"
    return (
        f"holds a run that was {how}; --stale rerun trains it again, "
        f"--stale keep {verb} it"
    )
