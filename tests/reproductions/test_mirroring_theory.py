"""Floors of mirroring white noise: the card's numbers, and least squares on noise."""

import numpy as np
import pytest

from reproductions.feature_visualization_mirroring import theory


@pytest.mark.parametrize(
    ("width", "radius", "expected"),
    [
        (16, 0, 1.0),
        (16, 1, 0.875),  # the middle two of 16 columns
        (16, 2, 0.875),  # distances are odd: 2 reaches no further than 1
        (16, 4, 0.75),
        (16, 7, 0.5),
        (16, 8, 0.5),
        (16, 15, 0.0),
        (32, 1, 0.9375),
        (32, 4, 0.875),
        (32, 8, 0.75),
        (32, 15, 0.5),
        (32, 31, 0.0),
        (5, 0, 0.8),  # the middle column of an odd width is its own mirror image
    ],
)
def test_the_floor_of_networks_that_know_positions(width, radius, expected):
    assert theory.position_aware_floor(width, radius) == expected


@pytest.mark.parametrize(
    ("width", "radius", "expected"),
    [
        # 8 odd displacements of frequency 1/8, of which 2, 4 and 8 are in reach.
        (16, 0, 1.0),
        (16, 1, 1 - 2 / 64),
        (16, 4, 1 - 4 / 64),
        (16, 7, 1 - 8 / 64),
        (16, 15, 1 - 2 / 16),
        (32, 1, 1 - 2 / 256),
        (32, 31, 1 - 2 / 32),
        # Width 3: displacements 2, 0 and -2, which are -1, 0 and 1 modulo 3.
        (3, 0, 1 - 1 / 9),
        (3, 1, 1 - 3 / 9),
    ],
)
def test_the_floor_of_circular_shifts(width, radius, expected):
    assert theory.shift_equivariant_floor(width, radius) == pytest.approx(expected)


def test_columns_beyond_the_radius_fail_and_the_others_do_not():
    # Distances 7 5 3 1 1 3 5 7.
    assert theory.column_floors(8, 3).tolist() == [1, 1, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("radius", [1, 4, 7])
def test_no_linear_filter_does_better_on_noise_than_the_floor_of_shifts(radius):
    # One filter for all columns, fitted to 4,000 rows of 16 columns of noise.
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4000, 16))
    offsets = range(-radius, radius + 1)
    seen = np.stack([np.roll(noise, -d, axis=1) for d in offsets], axis=-1)
    seen, target = seen.reshape(64000, -1), noise[:, ::-1].reshape(-1)

    weights, *_ = np.linalg.lstsq(seen, target, rcond=None)

    mse = np.mean((seen @ weights - target) ** 2)
    # The mean square of 64,000 values has a deviation of sqrt(2 / 64000) = 0.0056.
    assert mse == pytest.approx(theory.shift_equivariant_floor(16, radius), abs=0.02)


def test_the_mean_of_all_others_reaches_the_floor_without_positions():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(20000, 8))
    others = (noise.sum(axis=1, keepdims=True) - noise) / 7

    mse = np.mean((others - noise[:, ::-1]) ** 2)

    # 1 - 1/7; the mean square of 160,000 values has a deviation of 0.0035.
    assert theory.permutation_equivariant_floor(8) == pytest.approx(6 / 7)
    assert mse == pytest.approx(6 / 7, abs=0.015)


def test_the_radius_is_the_sum_of_dilations():
    assert theory.reach_of([1, 2, 4, 8]) == 15
    assert theory.reach_of([1] * 8) == 8


def test_correlation_of_profiles():
    assert theory.correlation([2, 4, 6], [0, 1, 2]) == pytest.approx(1)
    # Deviations (-1, 1, 0) and (-1, 0, 1): 1 / 2.
    assert theory.correlation([0, 2, 1], [0, 1, 2]) == pytest.approx(0.5)


@pytest.mark.parametrize("profiles", [([1, 1, 1], [0, 1, 2]), ([0, 1, 2], [0, 0, 0])])
def test_a_profile_that_does_not_vary_has_correlation_0(profiles):
    assert theory.correlation(*profiles) == 0
