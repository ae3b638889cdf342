"""`cai taskonomy`: policies, checks and figures of any file of affinities."""

from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli.output import errors, print_json, print_table, say
from cai_keras.errors import UsageError

app = typer.Typer(
    no_args_is_help=True, help="Transfer policies from affinities between tasks."
)

Affinities = Annotated[
    Path, typer.Option(metavar="FILE", help="JSON, or a published pickle.")
]
Quality = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Win rates against `self`.")
]
Gain = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Win rates against `pixels`.")
]
Order = Annotated[int, typer.Option(help="Sources of a transfer, at most.")]
Targets = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Tasks to solve; default: all.")
]
KeepDamaged = Annotated[
    bool, typer.Option(help="Use targets whose affinities cannot be right.")
]


@app.command()
def solve(
    affinities: Affinities,
    budget: Annotated[
        str, typer.Option(metavar="N[-M][,...]", help="Cost of all trained networks.")
    ],
    order: Order = 1,
    targets: Targets = None,
    importance: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=R", help="Or inverse-self: 1 / affinity of `self`."),
    ] = None,
    cost: Annotated[list[str] | None, typer.Option(metavar="TASK=L")] = None,
    target_only: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Tasks without a network.")
    ] = None,
    quality: Quality = None,
    gain: Gain = None,
    keep_damaged: KeepDamaged = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone.")] = False,
) -> None:
    """The best policy: which networks to train, and what each task is learned from."""
    from cai_keras.data.task_transfers import read_transfers

    from . import policy

    transfers = read_transfers(affinities)
    wanted = _names(targets)
    if not keep_damaged:
        _refuse_damaged(affinities, transfers, wanted)
    rates = _rates(quality=quality, gain=gain)
    answers = []
    for amount in _budgets(budget):
        question = policy.Question(
            budget=amount,
            order=order,
            targets=wanted,
            importance=_importances(importance or [], transfers),
            cost=_numbers("--cost", cost or []),
            excluded=_names(target_only) or (),
        )
        found = policy.solve(transfers, question)
        answers.append(
            {
                "budget": amount,
                "objective": found.objective,
                **{name: found.mean_of(values) for name, values in rates.items()},
                "cost": found.cost,
                "trained": list(found.trained),
                "transfers": [
                    {"target": t.target, "sources": list(t.sources), "value": t.value}
                    for t in found.transfers
                ],
            }
        )
    if as_json:
        print_json(answers)
    else:
        _show(answers)


@app.command()
def doctor(
    affinities: Affinities,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone.")] = False,
) -> None:
    """What a file holds, and which of its targets cannot be right."""
    from cai_keras.data.task_transfers import (
        damaged_targets,
        read_transfers,
        sums_of_targets,
    )

    transfers = read_transfers(affinities)
    sums = sums_of_targets(transfers)
    damaged = damaged_targets(transfers)
    found = {
        "transfers": len(transfers),
        "targets": len(sums),
        "sources": len({s for t in transfers for s in t.sources}),
        "largest_order": max(t.order for t in transfers),
        "are_affinities": all(abs(total - 1) < 1e-6 for total in sums.values()),
        "damaged": damaged,
    }
    if as_json:
        print_json(found)
        return
    say(
        f"{found['transfers']:,} transfers to {found['targets']} targets from "
        f"{found['sources']} sources, up to {found['largest_order']} at a time"
    )
    if found["are_affinities"]:
        say("every target's values sum to 1: affinities")
    else:
        say("the values of a target do not sum to 1: win rates, or a part of a file")
    for target, reason in damaged.items():
        say(f"damaged: {target}: {reason}")
    if not damaged:
        say("no damaged targets")


@app.command()
def draw(
    affinities: Affinities,
    output: Annotated[Path, typer.Option(metavar="DIR", help="For PNG files.")],
    quality: Quality = None,
    gain: Gain = None,
    order: Order = 4,
    budgets: Annotated[str, typer.Option(help="Of the graphs.")] = "2,8,15",
    groups: Annotated[int, typer.Option(help="Colours of the tree.")] = 5,
    leave_out: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Sources not in the tree.")
    ] = None,
    keep_damaged: KeepDamaged = False,
) -> None:
    """The affinity matrix, the tree of tasks, taxonomies, and Quality and Gain."""
    from cai_keras.data.task_transfers import read_transfers
    from cai_keras.reporting.atomic import write_atomic
    from cai_keras.reporting.pictures import png_bytes

    from .run_figures import FIGURES, Shown

    transfers = read_transfers(affinities)
    if not keep_damaged:
        _refuse_damaged(affinities, transfers, None)
    rates = _rates(Quality=quality, Gain=gain)
    chosen = [int(amount) for amount in _budgets(budgets)]
    shown = Shown(
        transfers, rates, order, chosen, groups, _names(leave_out) or (),
        affinities.stem,
    )  # fmt: skip
    names = [name for name in FIGURES if rates or name != "budgets"]
    # All are drawn before the first is written.
    pictures = {name: png_bytes(FIGURES[name](shown)) for name in names}
    for name, png in pictures.items():
        path = output / f"{name}.png"
        write_atomic(path, png)
        say(str(path))


def _rates(**files: Path | None) -> dict[str, dict]:
    """Name -> win rates by transfer, of the files that are given."""
    from cai_keras.data.task_transfers import read_transfers, values_by_key

    return {
        name: values_by_key(read_transfers(file))
        for name, file in files.items()
        if file is not None
    }


def _show(answers: list[dict]) -> None:
    if len(answers) == 1:
        (answer,) = answers
        columns = {"target": "Target", "sources": "Learned from", "value": "Affinity"}
        rows = [
            {
                **row,
                "sources": " + ".join(row["sources"]),
                "value": f"{row['value']:.4f}",
            }
            for row in answer["transfers"]
        ]
        print_table(columns, rows)
    columns = {
        "budget": "Budget", "objective": "Objective", "quality": "Quality",
        "gain": "Gain", "cost": "Cost", "trained": "Networks trained",
    }  # fmt: skip
    rows = [
        {key: _shown(answer[key]) for key in columns if key in answer}
        for answer in answers
    ]
    print_table({key: columns[key] for key in columns if key in answers[0]}, rows)


def _shown(value) -> str:
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:g}" if float(value).is_integer() else f"{value:.5f}"


def _refuse_damaged(path: Path, transfers, wanted) -> None:
    from cai_keras.data.task_transfers import damaged_targets

    damaged = damaged_targets(transfers)
    used = [t for t in damaged if wanted is None or t in wanted]
    if used:
        rest = sorted({t.target for t in transfers} - set(damaged))
        errors.print(
            f"targets that are sound: {','.join(rest)}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        raise UsageError(
            f"{path}: {', '.join(used)}: {damaged[used[0]]}; name --targets without "
            "them, or --keep-damaged"
        )


def _budgets(text: str) -> list[float]:
    """`8`, `1,2,8` or `1-22`."""
    found = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            if dash:
                found += [float(n) for n in range(int(first), int(last) + 1)]
            else:
                found.append(float(first))
        except ValueError as error:
            message = f"expected a number or a range as 1-22, found {part!r}"
            raise UsageError(f"--budget: {message}") from error
    if not found:
        raise UsageError(f"--budget: no number in {text!r}")
    return found


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(
        dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    )


def _importances(values: list[str], transfers) -> dict[str, float]:
    from .policy import inverse_self_importance

    found = inverse_self_importance(transfers) if "inverse-self" in values else {}
    named = [value for value in values if value != "inverse-self"]
    return found | _numbers("--importance", named)


def _numbers(option: str, values: list[str]) -> dict[str, float]:
    found = {}
    for value in values:
        name, equals, number = value.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"{option}: expected TASK=NUMBER, found {value!r}")
    return found
