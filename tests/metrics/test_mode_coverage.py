"""Modes and classes found, counted by hand."""

import numpy as np
import pytest

from cai_keras.metrics.mode_coverage import (
    ClassCoverage,
    class_coverage,
    mode_coverage,
)

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def at(*counts):
    """So many samples at each centre."""
    return np.repeat(CENTRES, counts, axis=0)


def test_samples_at_all_centres_alike_find_all_modes():
    found = mode_coverage(at(5, 5, 5), CENTRES, radius=1, least_share=0.01)

    assert (found.modes, found.share_within) == (3, 1)
    assert found.shares == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert found.entropy_nats == pytest.approx(np.log(3))


def test_samples_at_one_centre_find_one_mode():
    found = mode_coverage(at(0, 8, 0), CENTRES, radius=1, least_share=0.01)

    assert (found.modes, found.share_within) == (1, 1)
    assert found.shares == (0, 1, 0)
    assert found.entropy_nats == 0


def test_samples_beyond_the_radius_belong_to_a_centre_and_are_not_within():
    # 3 at the first centre, 4 at 2 from the second, 1 at 1.5 from the third.
    samples = np.concatenate([at(3, 0, 0), [[10.0, 2.0]] * 4, [[0.0, 8.5]]])

    found = mode_coverage(samples, CENTRES, radius=1.5, least_share=0.01)

    assert found.modes == 2
    assert found.share_within == 4 / 8
    assert found.shares == (3 / 8, 0, 1 / 8)  # 1.5 is within
    expected = 3 / 8 * np.log(8 / 3) + 1 / 2 * np.log(2) + 1 / 8 * np.log(8)
    assert found.entropy_nats == pytest.approx(expected)


@pytest.mark.parametrize(("count", "modes"), [(40, 2), (39, 1)])
def test_a_mode_has_one_percent_of_all_samples_or_more(count, modes):
    # The share is that of all 4000 samples, also of those that are within no centre.
    samples = np.concatenate([at(1000, count, 0), np.full((3000 - count, 2), 500.0)])

    found = mode_coverage(samples, CENTRES, radius=0.15, least_share=0.01)

    assert len(samples) == 4000
    assert found.modes == modes
    assert found.share_within == (1000 + count) / 4000


def test_a_threshold_that_binary_numbers_round_is_met_by_its_own_share():
    # 0.07 * 100 is 7.000000000000001 in double precision.
    found = mode_coverage(at(93, 7, 0), CENTRES, radius=1, least_share=0.07)

    assert found.modes == 2


def test_a_sample_within_two_overlapping_modes_counts_once():
    samples = np.array([[4.0, 0.0], [6.0, 0.0]])

    found = mode_coverage(samples, CENTRES, radius=7, least_share=0.5)

    assert found.shares == (0.5, 0.5, 0)
    assert found.share_within == 1


def test_samples_near_no_centre_find_no_mode():
    found = mode_coverage(np.full((4, 2), 100.0), CENTRES, radius=1, least_share=0.01)

    assert (found.modes, found.share_within, found.shares) == (0, 0, (0, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": 0}, "radius: expected above 0, received 0"),
        ({"radius": np.nan}, "radius: expected above 0, received nan"),
        ({"least_share": 0}, r"least_share: expected in \(0, 1\], received 0"),
        ({"least_share": 1.5}, r"least_share: expected in \(0, 1\], received 1.5"),
        ({"samples": np.ones((3, 5))}, "one width"),
        ({"samples": np.ones((0, 2))}, "samples: expected 1 or more"),
        ({"centres": np.full((3, 2), np.nan)}, "centres: expected finite"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, message):
    right = {"samples": at(1, 1, 1), "centres": CENTRES, "radius": 1}
    with pytest.raises(ValueError, match=message):
        mode_coverage(**{**right, "least_share": 0.01, **arguments})


def test_classes_that_are_equally_frequent_have_no_divergence():
    found = class_coverage(np.arange(12) % 4, classes=4)

    assert found.classes == 4
    assert found.kl_from_uniform_nats == pytest.approx(0, abs=1e-12)
    assert found.kl_from_uniform_nats >= 0
    assert found.entropy_nats == pytest.approx(np.log(4))


def test_one_class_of_1000_has_the_largest_divergence():
    found = class_coverage(np.full(50, 999), classes=1000)

    assert found == ClassCoverage(1, pytest.approx(np.log(1000)), 0)


def test_unequal_classes_by_hand():
    # Shares 1/2, 1/4, 1/4, 0 of 4 classes: 1/2 log 2 + 1/4 log 1 + 1/4 log 1 + 0.
    found = class_coverage(np.array([0, 0, 1, 2], "uint8"), classes=4)

    assert found.classes == 3
    assert found.kl_from_uniform_nats == pytest.approx(np.log(2) / 2)
    assert found.entropy_nats == pytest.approx(np.log(4) - np.log(2) / 2)


def test_a_fair_sample_has_about_half_a_class_per_sample_of_divergence():
    labels = np.random.default_rng(0).integers(0, 100, 5000)

    found = class_coverage(labels, classes=100)

    # 2 n KL is chi-squared with 99 degrees of freedom: 99 +- 14.
    assert 2 * 5000 * found.kl_from_uniform_nats == pytest.approx(99, abs=5 * 14)
    assert found.kl_from_uniform_nats > 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 4]), "expected from 0 to 3, received 0 to 4"),
        (np.array([-1, 2]), "expected from 0 to 3, received -1 to 2"),
        (np.array([0.0, 1.0]), r"expected int \(n,\), received float64"),
        (np.zeros((2, 2), int), r"received int64 \(2, 2\)"),
        (np.zeros(0, int), r"received int64 \(0,\)"),
    ],
)
def test_labels_of_no_class_are_refused(labels, message):
    with pytest.raises(ValueError, match="labels: .*" + message):
        class_coverage(labels, classes=4)
