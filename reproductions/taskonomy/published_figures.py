"""All figures of one file of affinities: what `cai taskonomy draw` writes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cai_keras.data.task_transfers import SELF, Transfer
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.pictures import png_bytes

from . import drawings
from .policy import Question, random_policy, solve
from .similarity import affinity_matrix, task_tree

_RANDOM_POLICIES = 200


def draw_all(
    transfers: Iterable[Transfer],
    rates: Mapping[str, Mapping[tuple, float]],
    output: Path,
    order: int,
    budgets: Sequence[int],
    groups: int,
    leave_out: Sequence[str],
    name: str,
) -> list[Path]:
    """Draws the matrix, the tree, taxonomies, and with win rates Quality and Gain.

    Args:
        rates: "Quality" and "Gain", as far as known -> `Transfer.key` -> win rate.
        budgets: of the taxonomies.
        groups: colours of the tree.
        leave_out: sources that are not in the tree.
        name: of the file, for titles.
    Returns:
        the files that were written.
    """
    transfers = list(transfers)
    matrix = affinity_matrix(transfers)
    policies = {
        f"budget {budget}": solve(transfers, Question(budget, order))
        for budget in budgets
    }
    figures = {
        "matrix": drawings.draw_matrix(matrix, name),
        "tree": drawings.draw_tree(task_tree(matrix, (SELF, *leave_out)), groups, name),
        "taxonomies": drawings.draw_policies(policies, tasks_of(transfers)),
    }
    if rates:
        figures["budgets"] = budget_figure(transfers, rates, order, name)
    written = []
    for kind, figure in figures.items():
        written.append(output / f"{kind}.png")
        write_atomic(written[-1], png_bytes(figure))
    return written


def tasks_of(transfers) -> list[str]:
    return sorted(
        {t.target for t in transfers} | {n for t in transfers for n in t.trained}
    )


def budget_figure(transfers, rates, order, name):
    budgets = list(range(1, len({t.target for t in transfers}) + 1))
    orders = {"first order": 1, f"up to order {order}": order}
    curves = {metric: {label: [] for label in orders} for metric in rates}
    bands = {metric: [] for metric in rates}
    rng = np.random.default_rng(0)
    for budget in budgets:
        for label, largest in orders.items():
            found = solve(transfers, Question(budget, largest))
            for metric, values in rates.items():
                curves[metric][label].append(100 * found.mean_of(values))
        drawn = [
            random_policy(transfers, Question(budget, 1), rng)
            for _ in range(_RANDOM_POLICIES)
        ]
        for metric, values in rates.items():
            means = [100 * policy.mean_of(values) for policy in drawn]
            bands[metric].append(np.percentile(means, [2.5, 97.5]))
    return drawings.draw_budgets(budgets, curves, bands, name)
