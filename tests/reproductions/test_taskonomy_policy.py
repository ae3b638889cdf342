"""Affinities from losses, and policies from affinities: by hand and by brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.data.task_transfers import Transfer
from cai_keras.errors import UsageError
from reproductions.taskonomy.hierarchy import affinities, win_rates
from reproductions.taskonomy.policy import (
    Question,
    candidates_of,
    inverse_self_importance,
    policy_of,
    random_policy,
    solve,
)


def transfer(text, value):
    """`a+b>t` and its value."""
    sources, target = text.split(">")
    return Transfer(tuple(sources.split("+")), target, value)


# Three tasks, all of which can be trained.
SMALL = [
    transfer("self>a", 0.6), transfer("b>a", 0.3), transfer("c>a", 0.1),
    transfer("self>b", 0.5), transfer("a>b", 0.2), transfer("c>b", 0.3),
    transfer("self>c", 0.4), transfer("a>c", 0.1), transfer("b>c", 0.1),
    transfer("a+b>c", 0.9),
]  # fmt: skip


# Analytic hierarchy process


def test_win_rates_count_images_and_halve_ties():
    losses = [[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 1.0, 5.0]]

    # The first wins on images 1 and 4, draws on 2: 2.5 of 4.
    np.testing.assert_array_equal(win_rates(losses), [[0.5, 0.625], [0.375, 0.5]])


def test_affinities_are_the_strengths_of_a_consistent_tournament():
    strengths = np.array([1.0, 2.0, 5.0])
    wins = strengths[:, None] / (strengths[:, None] + strengths)

    np.testing.assert_allclose(affinities(wins), [0.125, 0.25, 0.625], rtol=1e-12)


def test_who_always_wins_counts_as_999_of_1000():
    # W' = [[1, 999], [1/999, 1]] has the vector (999, 1) / 1000.
    np.testing.assert_allclose(affinities([[0.5, 1.0], [0.0, 0.5]]), [0.999, 0.001])


def test_affinities_rank_noisy_strengths():
    rng = np.random.default_rng(0)
    strengths = np.geomspace(1, 20, 10)
    # Losses for which P(i beats j) = s_i / (s_i + s_j): exponential of rate s.
    losses = rng.exponential(1 / strengths[:, None], (10, 500))

    found = affinities(win_rates(losses))

    correlation = np.corrcoef(np.argsort(np.argsort(found)), np.arange(10))[0, 1]
    assert correlation > 0.95
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("losses", "message"),
    [([1.0, 2.0], "candidates, images"), ([[1.0], [np.nan]], "finite")],
)
def test_losses_of_another_kind_are_errors(losses, message):
    with pytest.raises(ValueError, match=message):
        win_rates(losses)


@pytest.mark.parametrize("wins", [[[0.5, 0.5]], [[0.5, 1.1], [-0.1, 0.5]], [[]]])
def test_matrices_that_are_no_tournament_are_errors(wins):
    with pytest.raises(ValueError, match="win rates must be"):
        affinities(wins)


# Policies


def test_a_budget_of_one_serves_all_from_one_network():
    # a: 0.6 + 0.2 + 0.1 = 0.9; b: 0.3 + 0.5 + 0.1 = 0.9; c: 0.1 + 0.3 + 0.4 = 0.8.
    found = solve(SMALL[:-1], Question(1))

    assert found.objective == pytest.approx(0.9)
    assert len(found.trained) == found.cost == 1


def test_two_sources_of_one_transfer_must_both_be_paid_for():
    # a and b: 0.6 + 0.5, and c from both 0.9.
    found = solve(SMALL, Question(2, order=2))

    assert found.trained == ("a", "b")
    assert found.objective == pytest.approx(2.0)
    assert [t.sources for t in found.transfers] == [("self",), ("self",), ("a", "b")]
    # With one network c cannot have both.
    assert solve(SMALL, Question(1, order=2)).objective == pytest.approx(0.9)


def test_the_order_bounds_the_number_of_sources():
    # Without the transfer from both: a 0.6, b 0.5 and c 0.1, or a 0.6, b 0.3, c 0.4.
    assert solve(SMALL, Question(2, order=1)).objective == pytest.approx(1.3)


def test_importances_weigh_targets():
    # c first: its own network (4 x 0.4) and what it gives to a and b, 0.1 + 0.3.
    found = solve(SMALL, Question(1, importance={"c": 4}))

    assert found.trained == ("c",)
    assert found.objective == pytest.approx(2.0)


def test_costs_are_of_networks():
    # b costs more than there is; a: 0.9, c: 0.8.
    found = solve(SMALL, Question(1.5, order=2, cost={"b": 2}))

    assert found.trained == ("a",)
    assert found.cost == 1


def test_source_only_tasks_are_no_targets():
    # a is only a source: b and c from b 0.6, from c 0.7, from a 0.3.
    found = solve(SMALL, Question(1, targets=("b", "c")))

    assert found.trained == ("c",)
    assert [t.target for t in found.transfers] == ["b", "c"]


def test_target_only_tasks_have_no_network_to_learn_from():
    found = solve(SMALL, Question(3, order=2, excluded=("a",)))

    # a from b 0.3, b itself 0.5, c itself 0.4.
    assert found.trained == ("b", "c")
    assert found.objective == pytest.approx(1.2)


def test_a_targets_own_features_are_no_transfer():
    transfers = [transfer("self>a", 0.2), transfer("a>a", 0.8)]

    (found,) = solve(transfers, Question(1)).transfers

    assert found.is_self


def test_inverse_self_importance_makes_every_own_network_worth_one():
    importance = inverse_self_importance(SMALL)

    assert importance == {"a": 1 / 0.6, "b": 2.0, "c": 2.5}
    assert solve(
        SMALL[:-1], Question(3, importance=importance)
    ).objective == pytest.approx(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget must be more than 0"),
        ({"budget": float("nan")}, "budget must be more than 0"),
        ({"budget": 0.5}, "budget of 0.5 is too small: the cheapest transfer to 'a'"),
        ({"order": 0}, "order must be at least 1"),
        ({"targets": ("d",)}, "targets: unknown 'd'"),
        ({"targets": ()}, "no targets"),
        ({"importance": {"a": -1}}, "importance of 'a' must be 0 or more"),
        ({"cost": {"z": 1}}, "costs: unknown 'z'"),
        ({"cost": {"a": float("inf")}}, "cost of 'a' must be 0 or more"),
        ({"excluded": ("a", "b", "c")}, "no transfer to 'a' of order 1 or less"),
    ],
)
def test_odd_questions_are_answered_in_one_line(changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        solve(SMALL, Question(**{"budget": 2, **changes}))

    assert "\n" not in str(caught.value)


def test_targets_that_no_sources_can_serve_together_are_infeasible():
    transfers = [transfer("a>x", 1.0), transfer("b>y", 1.0)]

    with pytest.raises(UsageError, match="within a budget of 1 serves all"):
        solve(transfers, Question(1))


def brute_force(transfers, question):
    """Every subset of the networks within the budget, and the best transfers of it."""
    candidates = candidates_of(transfers, question)
    targets = {t.target for t in candidates}
    networks = sorted({n for t in candidates for n in t.trained})
    best = None
    for count in range(len(networks) + 1):
        for subset in itertools.combinations(networks, count):
            if sum((question.cost or {}).get(n, 1.0) for n in subset) > question.budget:
                continue
            values = {}
            for t in candidates:
                if set(t.trained) <= set(subset):
                    worth = t.value * (question.importance or {}).get(t.target, 1.0)
                    values[t.target] = max(worth, values.get(t.target, -1.0))
            if values.keys() == targets:
                best = max(sum(values.values()), best or 0.0)
    return best


@st.composite
def problems(draw):
    tasks = "abcd"[: draw(st.integers(2, 4))]
    numbers = st.integers(0, 20).map(lambda n: n / 20)
    transfers = [Transfer(("self",), task, draw(numbers)) for task in tasks]
    for target in tasks:
        others = [task for task in tasks if task != target]
        for order in (1, 2):
            for sources in itertools.combinations(others, order):
                if draw(st.booleans()):
                    transfers.append(Transfer(sources, target, draw(numbers)))
    question = Question(
        budget=draw(st.integers(1, 6)),
        order=draw(st.integers(1, 2)),
        importance={task: draw(st.integers(0, 3)) for task in tasks},
        cost={task: draw(st.integers(0, 3)) for task in tasks},
    )
    return transfers, question


@given(problems())
@settings(max_examples=60, deadline=None)
def test_the_program_finds_what_brute_force_finds(problem):
    transfers, question = problem
    expected = brute_force(transfers, question)
    if expected is None:
        with pytest.raises(UsageError, match="budget of"):
            solve(transfers, question)
        return

    found = solve(transfers, question)

    assert found.objective == pytest.approx(expected)
    assert found.cost <= question.budget
    assert set(found.trained) == {n for t in found.transfers for n in t.trained}


# Random policies


def test_random_policies_stay_within_the_budget_and_serve_every_target():
    rng = np.random.default_rng(0)
    question = Question(2, order=2)

    for _ in range(50):
        found = random_policy(SMALL, question, rng)

        assert found.cost <= 2
        assert [t.target for t in found.transfers] == ["a", "b", "c"]


def test_no_random_policy_is_better_than_the_best():
    rng = np.random.default_rng(1)
    best = solve(SMALL, Question(2, order=2)).objective

    found = [random_policy(SMALL, Question(2, order=2), rng) for _ in range(50)]

    assert max(policy.objective for policy in found) <= best
    assert len({policy.objective for policy in found}) > 3


def test_a_policy_without_a_possible_draw_is_an_error():
    transfers = [transfer("a>x", 1.0), transfer("b>y", 1.0)]

    with pytest.raises(UsageError, match="no random sources"):
        random_policy(transfers, Question(1), np.random.default_rng(0))


# Win rates of a policy


def test_the_mean_of_a_policy_is_over_its_targets():
    policy = policy_of([SMALL[0], SMALL[5]], Question(2))
    rates = {SMALL[0].key: 0.5, SMALL[5].key: 0.2, SMALL[1].key: 0.9}

    assert policy.mean_of(rates) == pytest.approx(0.35)


def test_a_transfer_without_a_win_rate_is_named():
    policy = policy_of([SMALL[9]], Question(2))

    with pytest.raises(UsageError, match="no entry for a, b to c"):
        policy.mean_of({})
