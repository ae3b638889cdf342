"""Speeds of repeats and the verdict on the machine."""

import pytest

from benchmarks.speeds import noise_of, samples_per_second, summary


def test_a_speed_is_examples_over_the_time_of_all_steps():
    # Three steps of 8 examples in 6 seconds.
    assert samples_per_second([1.0, 2.0, 3.0], 8) == 4.0


def test_speeds_that_lie_close_are_quiet():
    # Quartiles 99, 100 and 101: 2 %.
    assert noise_of([100.0, 99.0, 101.0, 98.0, 102.0]) == "quiet"


def test_speeds_that_lie_apart_are_noisy():
    # Quartiles 94, 100 and 106: 12 %.
    assert noise_of([100.0, 94.0, 106.0, 88.0, 112.0]) == "noisy"


def test_speeds_that_fall_all_along_are_drifting():
    assert noise_of([100.0, 99.5, 99.0, 98.0]) == "drifting"


def test_three_that_fall_are_too_few_and_one_percent_too_little():
    assert noise_of([100.0, 99.0, 98.0]) == "quiet"
    assert noise_of([100.0, 99.9, 99.8, 99.7]) == "quiet"


def test_a_rise_is_no_drift():
    assert noise_of([98.0, 99.0, 99.5, 100.0]) == "quiet"


def test_a_summary_has_the_median_speed_and_percentiles_of_all_steps():
    # 4 examples a step: 4, 2 and 1 a second. All steps: 1, 1, 2, 4, 4.
    found = summary([[1.0, 1.0], [2.0], [4.0, 4.0]], 4)
    assert found["samples_per_second"] == 2.0
    assert found["step_p50_seconds"] == 2.0
    assert found["step_p90_seconds"] == pytest.approx(4.0)
    # Quartiles 1.5, 2 and 3: 75 %.
    assert found["spread_percent"] == pytest.approx(75.0)
    assert found["noise"] == "noisy"
