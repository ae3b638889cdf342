"""Pairs: different members, none twice, all equally probable."""

import numpy as np
import pytest

from cai_keras.metrics.random_pairs import random_pairs


def as_set(pairs):
    return {tuple(pair) for pair in pairs.tolist()}


@pytest.mark.parametrize("members", [2, 3, 4, 50])
def test_as_many_pairs_as_there_are_give_each_pair_once(members):
    most = members * (members - 1) // 2

    pairs = random_pairs(members, most, seed=0)

    assert pairs.shape == (most, 2)
    expected = {(i, j) for j in range(members) for i in range(j)}
    assert as_set(pairs) == expected


def test_fewer_pairs_are_different_ones_in_random_order():
    pairs = random_pairs(100, 200, seed=0)

    assert len(as_set(pairs)) == 200
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.tolist() != sorted(pairs.tolist(), key=lambda pair: pair[::-1])


def test_all_pairs_are_equally_probable():
    counts = np.zeros((4, 4))
    for seed in range(1200):
        (first, second), *_ = random_pairs(4, 2, seed)
        counts[first, second] += 1

    # 6 pairs: 200 each, deviation sqrt(1200 * 1/6 * 5/6) = 13; five of them are 65.
    assert np.abs(counts[np.triu_indices(4, 1)] - 200).max() < 65
    assert np.tril(counts).sum() == 0


def test_the_last_pairs_of_a_large_set_are_numbered_without_rounding():
    # Of 200,000 members there are 2e10 pairs; indices stay within the set.
    pairs = random_pairs(200_000, 20_000, seed=0)

    assert (pairs[:, 0] >= 0).all()
    assert (pairs[:, 0] < pairs[:, 1]).all()
    # The larger of two has the mean 2/3 of all, deviation sqrt(1/18): 0.236.
    assert pairs[:, 1].max() < 200_000
    assert abs(pairs[:, 1].mean() / 200_000 - 2 / 3) < 5 * 0.236 / np.sqrt(20_000)


def test_the_seed_fixes_the_pairs():
    first = random_pairs(30, 40, seed=1)

    np.testing.assert_array_equal(first, random_pairs(30, 40, seed=1))
    assert as_set(first) != as_set(random_pairs(30, 40, seed=2))


@pytest.mark.parametrize(("members", "pairs"), [(4, 7), (4, 0), (1, 1), (0, 1)])
def test_more_pairs_than_there_are_and_none_are_refused(members, pairs):
    most = members * (members - 1) // 2
    with pytest.raises(ValueError, match=f"the {most} of {members} members, received"):
        random_pairs(members, pairs, seed=0)
