"""Precision, recall, density and coverage by hand and by all distances at once."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.spatial.distance import cdist

from cai_keras.metrics import precision_recall as module
from cai_keras.metrics.precision_recall import PrecisionRecall, precision_recall


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def line(*points):
    return np.array(points, float)[:, None]


def by_all_distances(real, fake, k):
    def radii(points):
        return np.sort(cdist(points, points), axis=1)[:, k]  # 0 is the point itself

    between = cdist(real, fake)
    in_real = between <= radii(real)[:, None]
    in_fake = between <= radii(fake)[None]
    return PrecisionRecall(
        precision=in_real.any(axis=0).mean(),
        recall=in_fake.any(axis=1).mean(),
        density=in_real.sum(axis=0).mean() / k,
        coverage=in_real.any(axis=1).mean(),
    )


def test_points_on_a_line_by_hand():
    # Second neighbours: 0 reaches 3, 1 reaches 2, 3 reaches 3, 10 reaches 9, that is
    # balls [-3, 3], [-1, 3], [0, 6], [1, 19].
    real = line(0, 1, 3, 10)
    # 5 reaches 4 (to 9), 9 reaches 4 (to 5), 25 reaches 20 (to 5), 6 reaches 3:
    # 5: 6 at 1, 9 at 4; 6: 5 at 1, 9 at 3; 9: 6 at 3, 5 at 4; 25: 9 at 16, 6 at 19.
    # Balls [1, 9], [3, 9], [5, 13], [6, 44].
    fake = line(5, 6, 9, 25)

    found = precision_recall(real, fake, neighbours=2)

    # 5, 6 (on the surface of [0, 6]), 9 are in real balls, 25 in none.
    assert found.precision == 3 / 4
    # 0 is in no ball; 1 (surface of [1, 9]), 3 and 10 are.
    assert found.recall == 3 / 4
    # Balls about 5: [0, 6], [1, 19]; 6: the same; 9: [1, 19]; 25: none. 5 / (2 * 4).
    assert found.density == 5 / 8
    # Balls with a fake inside: [0, 6] and [1, 19].
    assert found.coverage == 2 / 4


def test_a_set_and_itself_have_all_of_1():
    features = noise(40, 6)

    found = precision_recall(features, features.copy())

    # Each ball holds its own point, two nearer ones and the third on its surface.
    assert found == PrecisionRecall(1, 1, density=4 / 3, coverage=1)


def test_sets_far_from_each_other_have_none():
    found = precision_recall(noise(40, 6), noise(30, 6, seed=1) + 100)

    assert found == PrecisionRecall(0, 0, 0, 0)


def test_swapped_sets_have_swapped_precision_and_recall():
    real, fake = noise(60, 3), 1.5 * noise(45, 3, seed=1)

    one, other = precision_recall(real, fake), precision_recall(fake, real)

    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert 0 < one.precision != one.recall > 0


def test_a_dropped_mode_lowers_recall_and_coverage_and_not_precision():
    near, far = noise(200, 2), noise(200, 2, seed=1) + 50
    real = np.concatenate([near, far])

    whole = precision_recall(real, np.concatenate([near, far]) + 0.001)
    dropped = precision_recall(real, near + 0.001)

    # Copies but for a hair; half of the real ones are far from the first mode.
    assert whole.precision == dropped.precision == 1
    assert whole.recall == 1
    assert dropped.recall == 0.5
    assert dropped.coverage == 0.5


def test_fakes_beside_the_real_ones_lower_precision_and_not_recall():
    real = noise(200, 2)
    fake = np.concatenate([real + 0.001, noise(200, 2, seed=1) + 50])

    found = precision_recall(real, fake)

    assert (found.precision, found.recall, found.coverage) == (0.5, 1, 1)


def test_an_outlier_with_a_wide_ball_raises_precision_more_than_density():
    # One real point at 1000: its ball holds all fakes at 500, no other ball does.
    real = np.concatenate([noise(50, 2), [[1000, 0]]])
    fake = noise(50, 2, seed=1) + np.array([500, 0])

    found = precision_recall(real, fake)

    assert found.precision == 1
    assert found.density == pytest.approx(1 / 3)
    assert found.coverage == 1 / 51


def test_a_collapsed_generator_covers_the_one_example_that_it_copies():
    real = noise(50, 8) + 100
    fake = np.tile(real[:1], (20, 1))

    found = precision_recall(real, fake)

    # Balls about fakes have radius 0 and hold the copied example alone.
    assert found.precision == 1
    assert found.recall == 1 / 50
    assert found == by_all_distances(real, fake, 3)


whole_numbers = st.integers(-3, 3).map(float)


@settings(max_examples=100, deadline=None)
@given(
    npst.arrays(
        "float64", st.tuples(st.integers(4, 12), st.just(2)), elements=whole_numbers
    ),
    npst.arrays(
        "float64", st.tuples(st.integers(4, 12), st.just(2)), elements=whole_numbers
    ),
    st.integers(1, 3),
    st.sampled_from([0, 1e3]),
)
def test_on_a_grid_full_of_ties_and_copies_surfaces_are_inside(real, fake, k, offset):
    found = precision_recall(real + offset, fake + offset, k)

    np.testing.assert_allclose(astuple(found), astuple(by_all_distances(real, fake, k)))


@pytest.mark.parametrize(("n", "m", "d", "k"), [(90, 70, 5, 3), (30, 200, 40, 5)])
def test_blocks_of_rows_give_what_all_distances_at_once_give(n, m, d, k, monkeypatch):
    real, fake = 3 * noise(n, d) + 20, 2.9 * noise(m, d, seed=1) + 20.1
    expected = by_all_distances(real, fake, k)

    # 0.01 MiB: 10,486 bytes, 6 to 18 rows of 70 to 200 numbers.
    monkeypatch.setattr(module, "_BLOCK_MEBIBYTES", 0.01)
    found = precision_recall(real, fake, k)

    assert found == expected
    assert 0 < found.precision < 1


def test_single_precision_features_decide_as_in_double():
    real, fake = noise(80, 6).astype("float32"), noise(80, 6, seed=1).astype("float32")

    assert precision_recall(real, fake) == by_all_distances(
        real.astype(float), fake.astype(float), 3
    )


def test_density_is_1_on_average_for_samples_of_one_distribution():
    found = [
        precision_recall(noise(300, 4, seed=s), noise(300, 4, seed=s + 99)).density
        for s in range(20)
    ]

    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 1) < 4 * error < 0.1


def test_too_few_examples_no_neighbour_two_widths_and_nan_are_refused():
    many = noise(9, 2)
    with pytest.raises(ValueError, match=r"fake: expected 4 or more .* received 3"):
        precision_recall(many, noise(3, 2))
    with pytest.raises(ValueError, match="neighbours: expected 1 or more, received 0"):
        precision_recall(many, many, neighbours=0)
    with pytest.raises(ValueError, match=r"real \(9, 2\) and fake \(9, 3\)"):
        precision_recall(many, noise(9, 3))
    with pytest.raises(ValueError, match="real: expected finite"):
        precision_recall(np.full((9, 2), np.inf), many)
