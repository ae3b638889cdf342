"""Numbers as tables print them."""

import pytest

from cai_keras.reporting.rounding import estimate, given


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (25_557_032.0, "25,557,032"),
        (100_000.0, "100,000"),
        (99_999.0, "99999"),
        (0.029, "0.029"),
        (1_234_567.5, "1.23457e+06"),
        (92.0, "92"),
    ],
)
def test_large_whole_numbers_are_given_whole(value, expected):
    assert given(value) == expected


def test_a_count_that_every_seed_gave_is_printed_whole():
    assert estimate(60_965_224.0, None, None) == "60,965,224"
    assert estimate(60_965_224.0, 0.0, (60_965_224.0, 60_965_224.0)) == "60,965,224"
    assert estimate(-123_456.0, None, None, "+") == "-123,456"


def test_a_mean_with_a_spread_keeps_the_digits_that_it_supports():
    assert estimate(8.954, 0.32, (8.1, 9.8)) == "8.95 ± 0.32 [8.10, 9.80]"
    assert estimate(123_456.0, 12.0, None) == "123456.00 ± 12.00"
