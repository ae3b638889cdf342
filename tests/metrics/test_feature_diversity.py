"""Diversity of sets by hand."""

import numpy as np
import pytest

from cai_keras.metrics import feature_diversity as module
from cai_keras.metrics.feature_diversity import feature_diversity, pair_distances
from cai_keras.metrics.random_pairs import random_pairs


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_all_pairs_of_three_vectors_by_hand():
    features = np.array([[0, 0], [3, 4], [0, 1]])

    found = pair_distances(features, pairs=3, seed=0)

    # 9 + 16, 1, 9 + 9.
    assert sorted(found) == [1, 18, 25]
    assert feature_diversity(features, pairs=3, seed=0) == pytest.approx(44 / 3)


def test_maps_are_summed_over_channels_and_averaged_over_positions():
    maps = np.zeros((2, 1, 2, 3))
    maps[1, 0, 0] = [1, 2, 2]
    maps[1, 0, 1] = [0, 0, 1]

    # (1 + 4 + 4) and 1 at two positions.
    np.testing.assert_allclose(pair_distances(maps, pairs=1, seed=0), [5])


def test_opposite_features_of_length_1_are_4_apart():
    features = noise(1, 8)
    features /= np.linalg.norm(features)

    found = feature_diversity(np.concatenate([features, -features]), 1, seed=0)

    assert found == pytest.approx(4)


def test_the_mean_over_all_pairs_is_twice_the_total_variance():
    features = noise(30, 5) * [1, 2, 3, 4, 5] + 7

    found = feature_diversity(features, 30 * 29 // 2, seed=0)

    assert found == pytest.approx(2 * features.var(axis=0, ddof=1).sum())


def test_equal_members_have_no_diversity():
    assert feature_diversity(np.tile(noise(1, 5), (9, 1)), 20, seed=0) == 0


def test_distances_are_those_of_the_pairs_of_the_seed_in_any_blocks(monkeypatch):
    features = noise(20, 6)
    first, second = random_pairs(20, 50, seed=3).T
    expected = np.sum((features[first] - features[second]) ** 2, axis=1)

    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 40)  # 6 pairs of width 6
    found = pair_distances(features, 50, seed=3)

    np.testing.assert_allclose(found, expected)


def test_distances_of_layers_can_be_added():
    # Two layers as one vector of both.
    first, second = noise(12, 3), noise(12, 4, seed=1)

    both = pair_distances(np.concatenate([first, second], axis=1), 9, seed=0)

    apart = pair_distances(first, 9, seed=0) + pair_distances(second, 9, seed=0)
    np.testing.assert_allclose(both, apart)


def test_with_labels_only_pairs_within_a_label_count():
    # "a": 0 and 1, distance 1. "b": 1000 and 1003, distance 9.
    features = np.array([[0.0], [1000.0], [1.0], [1003.0]])
    labels = np.array(["a", "b", "a", "b"])

    assert feature_diversity(features, 1, seed=0, labels=labels) == pytest.approx(5)


def test_labels_weigh_the_same_whatever_their_size():
    # Label 0 has distances 1 (of 0 and 1) once; label 1 three times 0.
    features = np.array([[0.0], [1.0], [5.0], [5.0], [5.0]])
    labels = np.array([0, 0, 1, 1, 1])

    assert feature_diversity(features, 1, seed=0, labels=labels) == pytest.approx(0.5)


def test_whole_numbers_below_0_do_not_wrap_around():
    features = np.array([[0], [200]], "uint8")

    np.testing.assert_array_equal(pair_distances(features, 1, seed=0), [40_000])


def test_single_precision_is_summed_in_double():
    features = np.stack([np.zeros(100_000), np.full(100_000, 0.1)]).astype("float32")

    found = pair_distances(features, 1, seed=0)

    assert found.dtype == "float64"
    np.testing.assert_allclose(found, float(np.float32(0.1)) ** 2 * 1e5, rtol=1e-12)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (noise(4), r"expected real \(n, d\) or .* received float64 \(4,\)"),
        (noise(4, 2, 2), r"received float64 \(4, 2, 2\)"),
        (np.full((4, 2), np.nan), "expected finite numbers"),
        (noise(4, 0), "expected finite numbers"),
        (noise(2, 3), "pairs: expected from 1 to the 1 of 2 members, received 2"),
    ],
)
def test_what_has_no_pair_distances_is_refused(features, message):
    with pytest.raises(ValueError, match=message):
        pair_distances(features, 2, seed=0)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labels: expected \(4,\), received \(3,\)"):
        feature_diversity(noise(4, 2), 1, seed=0, labels=np.zeros(3))
    with pytest.raises(ValueError, match="label 7: pairs: expected from 1 to the 0 of"):
        feature_diversity(noise(4, 2), 1, seed=0, labels=np.array([1, 1, 1, 7]))
