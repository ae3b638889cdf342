"""The search for the largest batch, against devices of a known size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.batch_search import largest_batch


def search(limit, maximum=4096):
    """What is found where `limit` examples fit, and the sizes that were tried."""
    tried = []

    def fits(size):
        tried.append(size)
        return size <= limit

    return largest_batch(fits, maximum), tried


def test_it_doubles_and_then_bisects_down():
    # 64 fits and 128 does not; 96, 80, 88: then 80 and 88 are within an eighth.
    assert search(85) == (80, [8, 16, 32, 64, 128, 96, 80, 88])


def test_what_fits_at_the_maximum_is_not_exceeded():
    assert search(10**9, maximum=20) == (20, [8, 16, 20])


def test_a_device_for_less_than_the_first_size_is_searched_below_it():
    assert search(3) == (3, [8, 4, 2, 3])


def test_nothing_fits():
    assert search(0) == (0, [8, 4, 2, 1])


@pytest.mark.parametrize("maximum", [1, 5])
def test_a_maximum_below_the_first_size_is_where_it_begins(maximum):
    assert search(100, maximum) == (maximum, [maximum])


@given(st.integers(0, 5000), st.integers(1, 4096))
def test_the_result_fits_and_is_within_an_eighth_of_the_best(limit, maximum):
    found, tried = search(limit, maximum)
    best = min(limit, maximum)
    assert 0 <= best - found < max(1, found // 8)
    assert max(tried) <= maximum
    assert len(tried) == len(set(tried)) <= 20
