"""Tables from losses, and what the metrics say of them: by hand."""

import numpy as np
import pytest

from cai_keras.data.builders.task_tournament import GROUPS, draw_tables
from cai_keras.data.task_transfers import Transfer
from reproductions.taskonomy.evaluate import joined, metrics_of, tables_of
from reproductions.taskonomy.families import FAMILIES
from reproductions.taskonomy.policy import Question, solve

QUERY = ("depth", "normals", "curvature", "object")


@pytest.fixture(scope="module")
def made_up():
    tables = draw_tables()
    return tables, {
        name: metric.value
        for name, metric in metrics_of(tables, FAMILIES, 2, QUERY, 0, 288).items()
    }


def test_quality_and_gain_are_against_the_own_network_and_the_one_from_pixels():
    losses = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 4.0, 4.0, 4.0]])
    own, pixels = np.array([2.0, 1.0, 3.0, 5.0]), np.array([5.0, 3.0, 1.0, 4.0])

    tables = tables_of("t", [("a",), ("a", "b")], losses, own, pixels)

    # a: wins, loses, draws, wins against its own; wins, wins, loses, draws from pixels.
    names = [t.sources for t in tables["quality"]]
    assert names == [("a",), ("a", "b"), ("self",)]
    assert [t.value for t in tables["quality"]] == [0.625, 0.25, 0.5]
    assert [t.value for t in tables["gain"]] == [0.625, 0.375, 0.5]
    assert sum(t.value for t in tables["affinity"]) == pytest.approx(1)


def test_tables_of_all_targets_are_one():
    one = {"affinity": [Transfer(("a",), "t", 0.5)], "gain": []}
    two = {"affinity": [Transfer(("b",), "u", 0.5)], "gain": []}

    assert joined([one, two])["affinity"] == [*one["affinity"], *two["affinity"]]


def test_policies_are_the_solvers(made_up):
    tables, values = made_up
    gain = {t.key: t.value for t in tables["gain"]}

    # Twelve targets: a third is four networks.
    policy = solve(tables["affinity"], Question(4, 2))

    assert values["gain_third_budget_percent"] == pytest.approx(
        100 * policy.mean_of(gain)
    )
    assert values["quality_full_budget_percent"] == pytest.approx(50)


def test_a_query_has_three_tenths_of_its_networks(made_up):
    tables, values = made_up
    gain = {t.key: t.value for t in tables["gain"]}

    # Four tasks: one network, or four.
    policy = solve(tables["affinity"], Question(1, 2, QUERY))

    assert values["query_gain_few_networks_percent"] == pytest.approx(
        100 * policy.mean_of(gain)
    )


def test_transfers_within_a_family_are_better_in_the_made_up_tournament(made_up):
    tables, values = made_up
    pairs = [
        t.value
        for t in tables["gain"]
        if t.order == 1
        and t.sources[0] in GROUPS["flat"]
        and t.target in GROUPS["deep"]
    ]

    assert len(pairs) == 16
    assert values["gain_2d_to_3d_percent"] == pytest.approx(100 * np.mean(pairs))
    assert values["gain_3d_to_3d_percent"] > values["gain_2d_to_3d_percent"] + 5


def test_the_made_up_families_are_the_trees_clusters(made_up):
    _, values = made_up

    assert values["cluster_agreement_percent"] == pytest.approx(100)
    assert abs(values["shuffled_cluster_agreement_percent"]) < 10


def test_a_consistent_tournament_ranks_as_its_win_rates(made_up):
    _, values = made_up

    assert values["rank_agreement_percent"] == pytest.approx(100)
    assert abs(values["shuffled_rank_agreement_percent"]) < 25


def test_chance_is_worse_than_the_best_policy(made_up):
    _, values = made_up

    for kind in ("quality", "gain"):
        best = values[f"{kind}_third_budget_percent"]
        assert best > values[f"random_{kind}_third_budget_percent"] + 5


def test_what_does_not_exist_is_null_with_a_reason():
    tables = draw_tables()
    found = metrics_of(tables, {}, 2, QUERY, 0, 288)

    assert found["gain_3d_to_3d_percent"].value is None
    assert found["gain_3d_to_3d_percent"].reason == "no such transfers"
    assert found["cluster_agreement_percent"].value is None
