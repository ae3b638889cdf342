"""From losses to affinities, and from affinities to what policies are worth."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from cai_keras.data.task_transfers import SELF, Transfer, values_by_key
from cai_keras.reporting.record import Metric

from .hierarchy import affinities, win_rates
from .policy import Question, random_policy, solve
from .similarity import affinity_matrix, task_tree

RANDOM_POLICIES = 200
# Families that the paper's tree separates; `layout` and `random` have none.
CLUSTERED = ("2d", "3d", "semantic")
Tables = Mapping[str, Sequence[Transfer]]


def tables_of(
    target: str,
    candidates: Sequence[tuple[str, ...]],
    losses: np.ndarray,
    own: np.ndarray,
    from_pixels: np.ndarray,
) -> dict[str, list[Transfer]]:
    """Affinity, quality and gain of all transfers to one target.

    The tournament is between the candidates of all orders and the target's own network,
    as in the published files.

    Args:
        losses: float (candidates, images).
        own, from_pixels: float (images,) of the networks that quality and gain are
            against.
    """
    everyone = np.concatenate([losses, own[None]])
    names = [*candidates, (SELF,)]
    values = {
        "affinity": affinities(win_rates(everyone)),
        "quality": _wins(everyone, own),
        "gain": _wins(everyone, from_pixels),
    }
    return {
        kind: [
            Transfer(sources, target, float(value))
            for sources, value in zip(names, numbers, strict=True)
        ]
        for kind, numbers in values.items()
    }


def joined(tables: Sequence[Tables]) -> dict[str, list[Transfer]]:
    """The tables of all targets as one."""
    kinds = tables[0]
    return {kind: list(chain(*(table[kind] for table in tables))) for kind in kinds}


def metrics_of(
    tables: Tables,
    families: Mapping[str, str],
    order: int,
    query: Sequence[str],
    seed: int,
    examples: int,
) -> dict[str, Metric]:
    """What policies, transfers between families and the tree are worth, in percent.

    Args:
        families: task -> "2d", "3d", "semantic" or another.
        order: sources of a transfer, at most.
        query: tasks of a question about few networks.
        seed: of random policies and of shuffled labels.
        examples: that the win rates are of.
    """
    rng = np.random.default_rng(seed)
    values = {
        **_policies(tables, order, rng),
        **_query(tables, order, tuple(query)),
        **_families(tables["gain"], families),
        **_clusters(tables["affinity"], families, rng),
        **_rankings(tables, rng),
    }
    return {
        name: Metric.of(100 * value, examples)
        if value is not None
        else Metric(value=None, count=0, reason="no such transfers")
        for name, value in values.items()
    }


def _wins(losses: np.ndarray, opponent: np.ndarray) -> np.ndarray:
    wins = (losses < opponent) + 0.5 * (losses == opponent)
    return wins.mean(axis=1)


def _policies(tables: Tables, largest: int, rng) -> dict[str, float]:
    """Quality and gain with a third of all networks and with all, and by chance."""
    transfers = tables["affinity"]
    full = len({t.target for t in transfers})
    budgets = {"third": round(full / 3), "full": full}
    found = {}
    for name, budget in budgets.items():
        for label, order in (("", largest), ("first_order_", 1)):
            best = solve(transfers, Question(budget, order))
            for kind in ("quality", "gain"):
                mean = best.mean_of(values_by_key(tables[kind]))
                found[f"{label}{kind}_{name}_budget_percent"] = mean
    chance = [
        random_policy(transfers, Question(budgets["third"], largest), rng)
        for _ in range(RANDOM_POLICIES)
    ]
    for kind in ("quality", "gain"):
        values = values_by_key(tables[kind])
        means = [policy.mean_of(values) for policy in chance]
        found[f"random_{kind}_third_budget_percent"] = float(np.mean(means))
    return found


def _query(tables: Tables, order: int, query: tuple[str, ...]) -> dict[str, float]:
    """Some tasks only, with three tenths as many networks and with as many."""
    values = values_by_key(tables["gain"])
    budgets = {"few": max(1, round(0.3 * len(query))), "all": len(query)}
    return {
        f"query_gain_{name}_networks_percent": solve(
            tables["affinity"], Question(budget, order, query)
        ).mean_of(values)
        for name, budget in budgets.items()
    }


def _families(gains: Sequence[Transfer], families) -> dict[str, float | None]:
    """Mean gain of first-order transfers between other tasks of two families."""
    found = {}
    for source_family in ("2d", "3d"):
        for target_family in ("2d", "3d"):
            values = [
                t.value
                for t in gains
                if t.order == 1
                and t.sources[0] != t.target
                and families.get(t.sources[0]) == source_family
                and families.get(t.target) == target_family
            ]
            name = f"gain_{source_family}_to_{target_family}_percent"
            found[name] = float(np.mean(values)) if values else None
    return found


def _clusters(transfers: Sequence[Transfer], families, rng) -> dict[str, float | None]:
    """Agreement of the tree's clusters with the families, and of shuffled families.

    Adjusted Rand index (Hubert, Arabie 1985): 1 if equal, 0 by chance.
    """
    matrix = affinity_matrix(transfers)
    known = [s for s in matrix.sources if families.get(s) in CLUSTERED]
    others = [s for s in matrix.sources if s not in known]
    names = ("cluster_agreement_percent", "shuffled_cluster_agreement_percent")
    if len(known) <= len(CLUSTERED):
        return dict.fromkeys(names)
    groups = task_tree(matrix, others).clusters(len(CLUSTERED))
    number = {source: n for n, group in enumerate(groups) for source in group}
    labels = [CLUSTERED.index(families[source]) for source in known]
    clusters = [number[source] for source in known]
    shuffled = [
        adjusted_rand_score(rng.permutation(labels), clusters) for _ in range(100)
    ]
    found = adjusted_rand_score(labels, clusters)
    return dict(zip(names, (found, float(np.mean(shuffled))), strict=True))


def _rankings(tables: Tables, rng) -> dict[str, float]:
    """Spearman's correlation of affinities with win rates against the own network.

    The normalisation by pairs (AHP) should rank as a plain tournament does. Mean over
    targets; and the same for one in a random order.
    """
    quality = values_by_key(tables["quality"])
    by_target: dict[str, list[Transfer]] = {}
    for transfer in tables["affinity"]:
        if not transfer.is_self:
            by_target.setdefault(transfer.target, []).append(transfer)
    found, shuffled = [], []
    for transfers in by_target.values():
        first = [t.value for t in transfers]
        second = [quality[t.key] for t in transfers]
        found.append(_spearman(first, second))
        shuffled.append(_spearman(rng.permutation(first), second))
    return {
        "rank_agreement_percent": float(np.mean(found)),
        "shuffled_rank_agreement_percent": float(np.mean(shuffled)),
    }


def _spearman(first, second) -> float:
    """0 where one of them has no order."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)
