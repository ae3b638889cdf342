"""The figures of one run: matrix, tree, taxonomies, quality and gain."""

from collections.abc import Callable
from functools import partial

from matplotlib.figure import Figure

from cai_keras.data.task_transfers import SELF, values_by_key

from . import drawings, published_figures
from .evaluate import CLUSTERED
from .policy import Question, solve
from .similarity import affinity_matrix, task_tree

# Not tasks of the paper's tree: no network of its own, and a class of its own file.
_NOT_IN_THE_TREE = (SELF, "class_selected")


def figures_of(tables: Callable, recipe, seed: int) -> dict[str, Callable[[], Figure]]:
    """Name -> function that draws; of the first seed only, which stands for all.

    Args:
        tables: function that gives kind -> transfers.
    """
    if seed != recipe.seeds[0]:
        return {}
    title = f"{recipe.variant}, {recipe.scale} scale"
    order = recipe.evaluate.order
    return {
        "affinities": lambda: drawings.draw_matrix(_matrix(tables), title),
        "task_tree": partial(_draw_tree, tables, title),
        "taxonomies": partial(_draw_taxonomies, tables, order, title),
        "budgets": partial(_draw_budgets, tables, order, title),
    }


def _matrix(tables):
    return affinity_matrix(tables()["affinity"])


def _draw_tree(tables, title: str) -> Figure:
    matrix = _matrix(tables)
    tree = task_tree(matrix, _NOT_IN_THE_TREE)
    groups = min(len(CLUSTERED) + 2, len(tree.sources) - 1)
    return drawings.draw_tree(tree, groups, title)


def _draw_taxonomies(tables, order: int, title: str) -> Figure:
    transfers = tables()["affinity"]
    full = len({t.target for t in transfers})
    budgets = sorted({2, max(2, round(full / 3)), max(2, round(2 * full / 3))})
    policies = {
        f"{title}: budget {budget}": solve(transfers, Question(budget, order))
        for budget in budgets
    }
    return drawings.draw_policies(policies, published_figures.tasks_of(transfers))


def _draw_budgets(tables, order: int, title: str) -> Figure:
    kinds = tables()
    rates = {name: values_by_key(kinds[name.lower()]) for name in ("Quality", "Gain")}
    return published_figures.budget_figure(kinds["affinity"], rates, order, title)
