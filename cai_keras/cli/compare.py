"""`cai compare`: A against B, from records, configs and curves."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cai_keras.cli.comparison_tables import print_comparisons, say
from cai_keras.cli.damage_view import damage_text, say_damage
from cai_keras.cli.output import print_json
from cai_keras.errors import CaiError, GateError, UsageError

if TYPE_CHECKING:
    from cai_keras.reporting.comparison import Comparison
    from cai_keras.reporting.gates import GateResult
    from cai_keras.reporting.selection import Matching

_Runs = "A run (folder or record.json), a variant's folder, or a folder of runs."


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help=_Runs)],
    b: Annotated[Path, typer.Argument(metavar="B", help="As A.")],
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC:+X",
            help="B - A must be at least X (METRIC:-0.5 allows a drop of 0.5); "
            "METRIC:<=X: at most X. Repeat. A gate that fails is exit code 3.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Curves overlaid, PNG or SVG. Default: none"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON for another program.")
    ] = False,
) -> None:
    """What differs between A and B: config, machine, and metrics with intervals.

    Runs pair by paper, scale, variant and seed; two single variants, or two
    single runs, pair whatever their names. Differences are B - A, with the
    95 % interval of their mean over the seeds that both have. Damaged records in a
    folder are named and left out; the exit code is 1 then.
    """
    from cai_keras.reporting import comparison, gates, overlay
    from cai_keras.reporting.selection import match_runs, select_runs

    wanted = [gates.Gate.parse(text) for text in gate or ()]
    if picture is not None:
        overlay.check_ending(picture)
    side_a, side_b = select_runs(a), select_runs(b)
    problems = list(dict.fromkeys([*side_a.problems, *side_b.problems]))
    say_damage(problems)
    matching = match_runs(side_a.runs, side_b.runs)
    _refuse_nothing(a, b, matching)
    found = [comparison.compare_match(m, recipe_values) for m in matching.matches]
    results = [gates.check_gate(one, found) for one in wanted]
    notes = []
    if picture is not None:
        notes = _write_picture(picture, found, a, b)
    if as_json:
        print_json({**_plain(a, b, matching, found, results), "damaged": problems})
    else:
        print_comparisons(a, b, matching, found)
        if picture is not None:
            say(f"picture: {picture}")
        for note in notes:
            say(f"picture: {note}")
        for result in results:
            if not result.failures:
                say(f"gate {result.gate.text}: passed")
    _raise_for(results)
    if problems:
        raise CaiError(f"{damage_text(problems)}; the others are compared")


def recipe_values(run) -> dict[str, Any] | None:
    """A run's resolved recipe as plain data; None where it kept no config.yaml.

    What an older run does not name has the engine's default, so that two versions of
    the engine do not differ in keys that only one of them knows.
    """
    from cai_keras.training.config import load_resolved

    if not run.folder.config_path.exists():
        return None
    try:
        return load_resolved(run.folder.config_path, run.record.paper).values
    except UsageError:
        # A key that this version no longer has is no reason not to show it.
        values = _raw_recipe(run)
        if values is None:
            raise
        return values


def _raw_recipe(run) -> dict[str, Any] | None:
    try:
        values = run.config().get("recipe")
    except UsageError:
        return None
    return values if isinstance(values, dict) else None


def _refuse_nothing(a: Path, b: Path, matching: "Matching") -> None:
    """An error where no run of A has a partner in B."""
    if any(match.pairs for match in matching.matches):
        return
    if matching.matches:
        reasons = "; ".join(matching.matches[0].left_out)
        raise UsageError(f"no seed is finished in both {a} and {b}: {reasons}")
    raise UsageError(
        f"{a} and {b} have no variant in common: {matching.only_a[0]}; "
        f"{matching.only_b[0]} (name two variants' folders to compare these)"
    )


def _write_picture(
    path: Path, found: Sequence["Comparison"], a: Path, b: Path
) -> list[str]:
    """Draws and writes the picture; notes on what it does not show."""
    from cai_keras.reporting import overlay
    from cai_keras.reporting.atomic import write_atomic

    panels, notes = overlay.panels_of(found)
    drawn = overlay.draw_overlay(panels, *_labels(found, a, b))
    write_atomic(path, overlay.picture_bytes(drawn, path))
    return notes


def _labels(found: Sequence["Comparison"], a: Path, b: Path) -> tuple[str, str]:
    """For the legend: the variants where they differ, else what differs of the paths.

    Whole paths would carry one machine's folders into a picture that is shared.
    """
    if len(found) > 1:
        return _distinct_parts(a, b)
    match = found[0].match
    names = (match.a, match.b) if match.a != match.b else _distinct_parts(a, b)
    count = len(match.pairs)
    runs = f", mean and range of {count} seeds" if count > 1 else ""
    return f"{names[0]}{runs}", f"{names[1]}{runs}"


def _distinct_parts(a: Path, b: Path) -> tuple[str, str]:
    """Two paths without the folders that they begin and end with alike."""
    parts_a, parts_b = list(a.absolute().parts), list(b.absolute().parts)
    for end in (0, -1):
        while parts_a and parts_b and parts_a[end] == parts_b[end]:
            del parts_a[end], parts_b[end]
    return "/".join(parts_a) or a.name, "/".join(parts_b) or b.name


def _plain(
    a: Path, b: Path, matching: "Matching", found, results: Sequence["GateResult"]
) -> dict[str, Any]:
    return {
        "a": str(a),
        "b": str(b),
        "only_a": list(matching.only_a),
        "only_b": list(matching.only_b),
        "comparisons": [_plain_comparison(comparison) for comparison in found],
        "gates": [
            {
                "gate": result.gate.text,
                "passed": not result.failures,
                "failures": list(result.failures),
            }
            for result in results
        ],
    }


def _plain_comparison(found: "Comparison") -> dict[str, Any]:
    config = None if found.config is None else [asdict(d) for d in found.config]
    return {
        "a": found.match.a,
        "b": found.match.b,
        "seeds": [[p.a.record.seed, p.b.record.seed] for p in found.match.pairs],
        "left_out": list(found.match.left_out),
        "config": config,
        "environment": [asdict(fact) for fact in found.facts],
        "metrics": [asdict(metric) for metric in found.metrics],
        "not_compared": [asdict(missing) for missing in found.not_compared],
        "ratios": [asdict(ratio) for ratio in found.ratios],
    }


def _raise_for(results: Sequence["GateResult"]) -> None:
    lines = [
        f"gate {result.gate.text}: {failure}"
        for result in results
        for failure in result.failures
    ]
    if lines:
        raise GateError("\n".join(lines))
