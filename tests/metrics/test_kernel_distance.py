"""Kernel distances by hand, by a double loop and on average."""

import numpy as np
import pytest

from cai_keras.metrics.kernel_distance import (
    KernelDistance,
    kernel_distance,
    squared_mmd,
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def kernel(a, b):
    return (sum(x * y for x, y in zip(a, b, strict=True)) / len(a) + 1) ** 3


def by_loops(first, second):
    def within(points):
        return np.mean(
            [
                kernel(a, b)
                for i, a in enumerate(points)
                for j, b in enumerate(points)
                if i != j
            ]
        )

    between = np.mean([kernel(a, b) for a in first for b in second])
    return within(first) + within(second) - 2 * between


def test_two_points_and_two_points_by_hand():
    first = np.array([[1.0, 1.0], [1.0, -1.0]])
    second = np.array([[2.0, 0.0], [0.0, 0.0]])

    # Within: (0/2 + 1)^3 = 1 and (0/2 + 1)^3 = 1. Between: (2/2 + 1)^3 = 8 twice, 1
    # twice: mean 4.5.
    assert squared_mmd(first, second) == pytest.approx(1 + 1 - 2 * 4.5)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 1), (5, 3, 2), (7, 9, 4)])
def test_it_is_what_two_loops_give(n, m, d):
    first, second = noise(n, d), 2 * noise(m, d, seed=1) + 1

    found = squared_mmd(first, second)

    assert found == pytest.approx(by_loops(first, second), rel=1e-12)
    assert found == pytest.approx(squared_mmd(second, first), rel=1e-12)


def test_more_examples_than_a_block_all_count():
    # 4200 rows of 4200 numbers are more than 2^22. Of a set of zeros all kernels are 1;
    # of ones, within (1 + 1)^3 = 8, with zeros 1: 8 + 1 - 2.
    zeros, ones = np.zeros((4200, 2)), np.ones((4200, 2))

    assert squared_mmd(zeros, ones) == pytest.approx(7)
    # A last row of zeros instead: of 4200 * 4199 ordered pairs 2 * 4199 have kernel 1.
    ones[-1] = 0
    within, between = 8 - 7 * 2 / 4200, 1
    assert squared_mmd(zeros, ones) == pytest.approx(within + 1 - 2 * between)


def test_it_is_0_on_average_for_samples_of_one_distribution_of_any_size():
    found = [
        squared_mmd(noise(10, 4, seed=seed), noise(15, 4, seed=seed + 10_000))
        for seed in range(400)
    ]

    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0 < max(found)
    # With each point's kernel with itself, as in a biased estimate, it would be about
    # (2^3 - 1) (1/10 + 1/15) = 1.2 above; what is left must tell the two apart.
    assert 8 * error < 1.2


def test_its_mean_is_the_distance_of_the_distributions():
    # Numbers with d = 1: E k = E (xy + 1)^3 = m3 m3 + 3 m2 m2 + 3 m1 m1 + 1. N(0, 1)
    # has moments 0, 1, 0; N(1, 1) has 1, 2, 4.
    # Within 4, and 16 + 12 + 3 + 1 = 32; between 0 + 3 * 2 + 0 + 1 = 7.
    found = [
        squared_mmd(noise(100, 1, seed=seed), 1 + noise(100, 1, seed=seed + 10_000))
        for seed in range(200)
    ]

    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - (4 + 32 - 2 * 7)) < 4 * error < 4


def test_single_precision_is_worked_out_in_double():
    first, second = noise(50, 8).astype("float32"), noise(40, 8).astype("float32")

    expected = squared_mmd(first.astype("float64"), second.astype("float64"))
    assert squared_mmd(first, second) == expected


def test_whole_numbers_do_not_overflow():
    found = squared_mmd(np.array([[200], [100]], "uint8"), np.array([[1], [0]]))

    # 20,001^3 + 1^3 - (201^3 + 101^3 + 1 + 1) / 2.
    assert found == pytest.approx(20_001**3 + 1 - (201**3 + 101**3 + 2) / 2)


def test_subsets_of_the_whole_sets_are_the_whole_sets():
    first, second = noise(20, 3), noise(20, 3, seed=1)

    found = kernel_distance(first, second, subsets=3, subset_size=20, seed=0)

    assert found.mean == pytest.approx(squared_mmd(first, second), rel=1e-12)
    assert found.deviation == pytest.approx(0, abs=1e-12)


def test_each_subset_is_drawn_without_replacement_from_each_set():
    # Members are their own numbers, and d = 1: two subsets of 2 of {0, 1} have kernels
    # within of (0 + 1)^3 = 1; with replacement (1, 1) would have 8.
    first = np.array([[0.0], [1.0]])
    second = np.zeros((7, 1))

    found = kernel_distance(first, second, subsets=50, subset_size=2, seed=0)

    # Within 1 and 1, between 1: 0 always.
    assert found == KernelDistance(0.0, 0.0)


def test_mean_and_deviation_are_those_of_subsets_from_all_over_both_sets():
    # Zeros, and a set of c and -c: subsets of 2 have within 1 + (c, c: (1 + 1)^3 = 8,
    # or c, -c: 0), between (1): -1 with unlike signs, 7 with like ones. Of 20 with 10
    # of each sign, like: 9/19. Mean -1 + 8 * 9/19 = 2.79, deviation
    # 8 sqrt(9/19 * 10/19) = 3.99; the mean's error for 2000 subsets is 0.09.
    signs = np.repeat([[1.0], [-1.0]], 10, axis=0)

    found = kernel_distance(np.zeros((5, 1)), signs, 2000, 2, seed=0)

    assert found.mean == pytest.approx(2.79, abs=0.4)
    assert found.deviation == pytest.approx(3.99, abs=0.1)


def test_the_seed_fixes_the_subsets():
    sets = noise(30, 3), noise(25, 3, seed=1)

    found = kernel_distance(*sets, subsets=4, subset_size=10, seed=5)

    assert found == kernel_distance(*sets, subsets=4, subset_size=10, seed=5)
    assert found != kernel_distance(*sets, subsets=4, subset_size=10, seed=6)


@pytest.mark.parametrize(
    ("subsets", "size", "message"),
    [
        (0, 5, "subsets: expected 1 or more, received 0"),
        (1, 8, "subset_size: expected from 2 to the smaller set's 7, received 8"),
        (1, 1, "subset_size: expected from 2 .* received 1"),
    ],
)
def test_subsets_that_cannot_be_drawn_are_refused(subsets, size, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(noise(9, 2), noise(7, 2), subsets, size, seed=0)


def test_one_example_two_widths_and_nan_are_refused():
    with pytest.raises(ValueError, match="second: expected 2 or more"):
        squared_mmd(noise(9, 2), noise(1, 2))
    with pytest.raises(ValueError, match="one width"):
        kernel_distance(noise(9, 2), noise(9, 3), 1, 2, seed=0)
    with pytest.raises(ValueError, match="first: expected finite"):
        squared_mmd(np.full((3, 2), np.nan), noise(3, 2))
