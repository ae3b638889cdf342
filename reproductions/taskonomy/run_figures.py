"""The figures of a set of transfers: published ones, or those of one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from cai_keras.data.task_transfers import SELF, Transfer, values_by_key

from . import drawings
from .evaluate import CLUSTERED, RANDOM_POLICIES, Tables
from .policy import Question, random_policy, solve
from .similarity import affinity_matrix, task_tree

# No task: a class of its own file in the published data.
_NOT_IN_THE_TREE = ("class_selected",)


@dataclass(frozen=True)
class Shown:
    """What is drawn.

    Attributes:
        transfers: with their affinities.
        rates: "Quality" and "Gain", as far as known -> `Transfer.key` -> win rate.
        order: sources of a transfer, at most.
        budgets: of the graphs of taxonomies.
        groups: colours of the tree.
        leave_out: sources that are not in the tree; `self` never is.
        title: of all figures.
    """

    transfers: Sequence[Transfer]
    rates: Mapping[str, Mapping[tuple, float]]
    order: int
    budgets: Sequence[int]
    groups: int
    leave_out: Sequence[str]
    title: str


def draw_affinities(shown: Shown) -> Figure:
    return drawings.draw_matrix(affinity_matrix(shown.transfers), shown.title)


def draw_task_tree(shown: Shown) -> Figure:
    tree = task_tree(affinity_matrix(shown.transfers), (SELF, *shown.leave_out))
    groups = min(shown.groups, len(tree.sources) - 1)
    return drawings.draw_tree(tree, groups, shown.title)


def draw_taxonomies(shown: Shown) -> Figure:
    policies = {
        f"{shown.title}: budget {budget}": solve(
            shown.transfers, Question(budget, shown.order)
        )
        for budget in shown.budgets
    }
    return drawings.draw_policies(policies, _tasks_of(shown.transfers))


def draw_budgets(shown: Shown) -> Figure:
    budgets = range(1, len({t.target for t in shown.transfers}) + 1)
    orders = {"first order": 1, f"up to order {shown.order}": shown.order}
    curves = {metric: {label: [] for label in orders} for metric in shown.rates}
    bands = {metric: [] for metric in shown.rates}
    rng = np.random.default_rng(0)
    for budget in budgets:
        for label, largest in orders.items():
            found = solve(shown.transfers, Question(budget, largest))
            for metric, values in shown.rates.items():
                curves[metric][label].append(100 * found.mean_of(values))
        question = Question(budget, shown.order)
        drawn = [
            random_policy(shown.transfers, question, rng)
            for _ in range(RANDOM_POLICIES)
        ]
        for metric, values in shown.rates.items():
            means = [100 * policy.mean_of(values) for policy in drawn]
            bands[metric].append(np.percentile(means, [2.5, 97.5]))
    return drawings.draw_budgets(budgets, curves, bands, shown.title)


# Name -> what draws it; the last needs win rates.
FIGURES = {
    "affinities": draw_affinities,
    "task_tree": draw_task_tree,
    "taxonomies": draw_taxonomies,
    "budgets": draw_budgets,
}


def figures_of_run(
    tables: Callable[[], Tables], recipe, seed: int
) -> dict[str, Callable[[], Figure]]:
    """Of the first seed only, which stands for all."""
    if seed != recipe.seeds[0]:
        return {}
    return {
        name: partial(_draw, draw, tables, recipe) for name, draw in FIGURES.items()
    }


def _draw(draw: Callable[[Shown], Figure], tables, recipe) -> Figure:
    kinds = tables()
    transfers = kinds["affinity"]
    full = len({t.target for t in transfers})
    budgets = sorted({2, max(2, round(full / 3)), max(2, round(2 * full / 3))})
    rates = {name: values_by_key(kinds[name.lower()]) for name in ("Quality", "Gain")}
    title = f"{recipe.variant}, {recipe.scale} scale"
    groups, order = len(CLUSTERED) + 2, recipe.evaluate.order
    return draw(
        Shown(transfers, rates, order, budgets, groups, _NOT_IN_THE_TREE, title)
    )


def _tasks_of(transfers: Iterable[Transfer]) -> list[str]:
    transfers = list(transfers)
    return sorted(
        {t.target for t in transfers} | {n for t in transfers for n in t.trained}
    )
