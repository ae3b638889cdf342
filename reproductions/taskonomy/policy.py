"""Transfer policies: which networks to train, and what every task is learned from."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from cai_keras.data.task_transfers import Transfer
from cai_keras.errors import UsageError, nearest


@dataclass(frozen=True)
class Policy:
    """One transfer for every target.

    objective: sum over targets of importance times affinity.
    trained: the tasks whose networks it needs, sorted.
    cost: what these cost.
    """

    transfers: tuple[Transfer, ...]
    objective: float
    trained: tuple[str, ...]
    cost: float

    def mean_of(self, values: Mapping[tuple, float]) -> float:
        """Mean over the targets of another value of the same transfers, as win rates.

        Args:
            values: `Transfer.key` -> value.
        Raises:
            UsageError: it has none for a transfer of the policy.
        """
        for transfer in self.transfers:
            if transfer.key not in values:
                names = f"{', '.join(transfer.sources)} to {transfer.target}"
                raise UsageError(f"the win rates have no entry for {names}")
        return float(np.mean([values[t.key] for t in self.transfers]))


@dataclass(frozen=True)
class Question:
    """What a policy is asked for.

    Args:
        budget: what the trained networks may cost together.
        order: sources of a transfer, at most.
        targets: tasks to be solved; all of the file if None.
        importance: task -> weight of its affinity; 1 if not named.
        cost: task -> cost of its network; 1 if not named.
        excluded: tasks whose networks cannot be trained (target-only tasks).
    """

    budget: float
    order: int = 1
    targets: tuple[str, ...] | None = None
    importance: Mapping[str, float] | None = None
    cost: Mapping[str, float] | None = None
    excluded: tuple[str, ...] = ()


def solve(transfers: Iterable[Transfer], question: Question) -> Policy:
    """The policy of highest objective, exactly: a Boolean integer program.

    Zamir et al. 2018 (arXiv:1804.08328), Section 3.4: choose transfers e and sources
    v, x in {0, 1}, to maximise sum_e r_target(e) p_e x_e such that
        (I)   a transfer needs all its sources: x_e <= x_v for each v of e,
        (II)  every target has exactly one transfer,
        (III) sum_v l_v x_v <= budget.
    Printed is (I) as |e| x_e <= sum_v x_v, which has the same solutions in {0, 1};
    single inequalities bound the relaxed program more tightly. A target's own network
    (`self`) is a transfer whose source is that target.

    Transfers of the same target to itself with fewer labels (`T__T`) are left out:
    its own network serves it.

    Raises:
        UsageError: the question is odd, or no policy can answer it.
    """
    candidates = candidates_of(transfers, question)
    cost_of, importance_of = _lookup(question.cost), _lookup(question.importance)
    targets = list(dict.fromkeys(t.target for t in candidates))
    sources = sorted({name for t in candidates for name in t.trained})
    costs = np.array([cost_of(name) for name in sources])
    worth = [importance_of(t.target) * t.value for t in candidates]
    column = {name: len(candidates) + n for n, name in enumerate(sources)}
    row = {target: n for n, target in enumerate(targets)}

    needs = [(e, column[v]) for e, t in enumerate(candidates) for v in t.trained]
    count = len(candidates) + len(sources)
    # x_e - x_v <= 0, one row for each pair.
    pairs = np.arange(len(needs))
    edges, nodes = np.array(needs).T
    needed = coo_array(
        (
            np.concatenate([np.ones(len(needs)), -np.ones(len(needs))]),
            (np.concatenate([pairs, pairs]), np.concatenate([edges, nodes])),
        ),
        shape=(len(needs), count),
    )
    once = coo_array(
        (
            np.ones(len(candidates)),
            ([row[t.target] for t in candidates], np.arange(len(candidates))),
        ),
        shape=(len(targets), count),
    )
    spent = np.concatenate([np.zeros(len(candidates)), costs])
    found = milp(
        c=-np.concatenate([worth, np.zeros(len(sources))]),
        integrality=np.ones(count),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(needed.tocsr(), -np.inf, 0),
            LinearConstraint(once.tocsr(), 1, 1),
            LinearConstraint(spent[None], -np.inf, question.budget),
        ],
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise UsageError(_why_infeasible(candidates, question, cost_of))
    chosen = [t for t, x in zip(candidates, found.x, strict=False) if x > 0.5]
    return policy_of(chosen, question)


def policy_of(chosen: Iterable[Transfer], question: Question) -> Policy:
    """The policy of these transfers, with the question's importances and costs."""
    chosen = tuple(sorted(chosen, key=lambda t: t.target))
    trained = tuple(sorted({name for t in chosen for name in t.trained}))
    importance_of, cost_of = _lookup(question.importance), _lookup(question.cost)
    return Policy(
        transfers=chosen,
        objective=float(sum(importance_of(t.target) * t.value for t in chosen)),
        trained=trained,
        cost=float(sum(cost_of(name) for name in trained)),
    )


def candidates_of(transfers: Iterable[Transfer], question: Question) -> list[Transfer]:
    """The transfers that may be chosen, and a check that the question can be asked."""
    transfers = list(transfers)
    _check(transfers, question)
    targets = {t.target for t in transfers}
    wanted = targets if question.targets is None else set(question.targets)
    excluded = set(question.excluded)
    found = [
        t
        for t in transfers
        if t.target in wanted
        and t.order <= question.order
        and t.target not in t.sources
        and not excluded & set(t.trained)
    ]
    for target in sorted(wanted - {t.target for t in found}):
        raise UsageError(
            f"no transfer to {target!r} of order {question.order} or less remains"
        )
    return found


def random_policy(
    transfers: Iterable[Transfer], question: Question, rng: np.random.Generator
) -> Policy:
    """A policy by chance: random sources within the budget, a random transfer each.

    Sources are added in random order as long as they fit; drawn again until every
    target has a transfer that needs no others.

    Raises:
        UsageError: 1,000 draws did not leave a transfer to every target.
    """
    candidates = candidates_of(transfers, question)
    cost_of = _lookup(question.cost)
    targets = sorted({t.target for t in candidates})
    sources = sorted({name for t in candidates for name in t.trained})
    for _ in range(1_000):
        trained = _draw_sources(sources, question.budget, cost_of, rng)
        by_target = defaultdict(list)
        for transfer in candidates:
            if trained.issuperset(transfer.trained):
                by_target[transfer.target].append(transfer)
        if len(by_target) == len(targets):
            chosen = [by_target[t][rng.integers(len(by_target[t]))] for t in targets]
            return policy_of(chosen, question)
    raise UsageError(
        f"no random sources within a budget of {question.budget:g} serve every target"
    )


def inverse_self_importance(transfers: Iterable[Transfer]) -> dict[str, float]:
    """Importance 1 / p(self): how much worse than its own network is the same for all.

    The affinities of a target sum to 1 over all candidates, so that a target whose own
    network is far ahead of all transfers would otherwise be served first.
    """
    return {t.target: 1 / t.value for t in transfers if t.is_self and t.value > 0}


def _draw_sources(sources, budget, cost_of, rng) -> set[str]:
    trained, spent = set(), 0.0
    for name in rng.permutation(sources):
        if spent + cost_of(name) <= budget:
            trained.add(str(name))
            spent += cost_of(name)
    return trained


def _lookup(values: Mapping[str, float] | None) -> Callable[[str], float]:
    given = values or {}
    return lambda name: float(given.get(name, 1.0))


def _check(transfers: list[Transfer], question: Question) -> None:
    if not question.budget > 0:
        raise UsageError(f"the budget must be more than 0, not {question.budget:g}")
    if question.order < 1:
        raise UsageError(f"the order must be at least 1, not {question.order}")
    targets = {t.target for t in transfers}
    tasks = targets | {name for t in transfers for name in t.trained}
    named = {
        "targets": (question.targets or (), targets),
        "importances": (question.importance or {}, targets),
        "costs": (question.cost or {}, tasks),
        "target-only tasks": (question.excluded, tasks),
    }
    for what, (names, known) in named.items():
        for name in names:
            if name not in known:
                raise UsageError(f"{what}: unknown {name!r}; {nearest(name, known)}")
    if question.targets is not None and not question.targets:
        raise UsageError("no targets were named")
    for what in ("importance", "cost"):
        for name, value in (getattr(question, what) or {}).items():
            if not (np.isfinite(value) and value >= 0):
                raise UsageError(f"the {what} of {name!r} must be 0 or more: {value}")


def _why_infeasible(candidates, question, cost_of) -> str:
    """The target that is out of reach alone, or that all together are."""
    cheapest = defaultdict(lambda: np.inf)
    for transfer in candidates:
        cost = sum(cost_of(name) for name in transfer.trained)
        cheapest[transfer.target] = min(cheapest[transfer.target], cost)
    target = max(sorted(cheapest), key=cheapest.get)
    if cheapest[target] > question.budget:
        return (
            f"a budget of {question.budget:g} is too small: the cheapest transfer to "
            f"{target!r} costs {cheapest[target]:g}"
        )
    return f"no choice of sources within a budget of {question.budget:g} serves all"
