"""Rates of things that take turns, with a clock that the test moves itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rates import Stretch, calls_in, repeat_for, take_turns
from benchmarks.unpaired_ratio import speed_ratio_of_medians


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds, examples):
        """Something that takes so long and returns so many examples."""

        def do():
            self.now += seconds
            return examples

        return do


def test_a_stretch_ends_when_its_time_has_passed():
    clock = FakeClock()

    # 0.4 s each: after three of them 1.2 s have passed.
    found = repeat_for(clock.work(0.4, 10), 1.0, clock)
    assert found == Stretch(30, pytest.approx(1.2))
    assert found.per_second == pytest.approx(25)


def test_work_that_takes_longer_than_its_turn_is_done_once():
    clock = FakeClock()

    assert repeat_for(clock.work(5.0, 10), 1.0, clock) == Stretch(10, 5.0)


def test_turns_alternate_and_their_beginning_is_not_counted():
    clock, order = FakeClock(), []

    def named(name, seconds):
        work = clock.work(seconds, 1)

        def do():
            order.append(name)
            return work()

        return do

    works = {"a": named("a", 1.0), "b": named("b", 2.0)}
    found = take_turns(works, rounds=2, seconds=8.0, clock=clock)

    # A turn of 8 s: 2 s settle it and 6 s count. a: 2 + 6 calls; b: 1 + 3 calls.
    assert found == {"a": [Stretch(6, 6.0)] * 2, "b": [Stretch(3, 6.0)] * 2}
    assert "".join(order) == "a" * 8 + "b" * 8 + "a" * 8


def test_batches_in_store_do_not_count_as_speed():
    # A pipeline that makes a batch in 1 s, with three in store from before.
    clock, store = FakeClock(), [3]

    def pull():
        if store[0]:
            store[0] -= 1
        else:
            clock.now += 1.0
        return 4

    found = take_turns({"pipeline": pull}, rounds=1, seconds=8.0, clock=clock)
    assert [stretch.per_second for stretch in found["pipeline"]] == [4.0]


def test_a_call_has_whole_cycles():
    # 0.05 s of steps of 3 ms: 16.7 steps; in cycles of 5 that is 15.
    assert calls_in(0.05, 0.003, unit=5) == 15
    # A step that takes longer than the call: one cycle all the same.
    assert calls_in(0.05, 1.0, unit=5) == 5
    assert calls_in(0.05, 0.0) == 256


@given(
    seconds=st.floats(0.001, 10),
    of_one=st.floats(0, 100),
    unit=st.integers(1, 64),
)
def test_a_call_is_a_multiple_of_the_cycle_and_never_none(seconds, of_one, unit):
    found = calls_in(seconds, of_one, unit)

    assert found >= unit
    assert found % unit == 0
    assert found <= max(unit, 256)


def test_a_ratio_of_unpaired_measurements_is_that_of_the_medians():
    # 3 s over 2 s; the interval lies between 2 / 4 and 4 / 1.
    found = speed_ratio_of_medians([1.0, 2.0, 4.0], [2.0, 3.0, 4.0])

    assert found.median == pytest.approx(1.5)
    assert 0.5 <= found.low <= 1.5 <= found.high <= 4.0


def test_measurements_that_do_not_vary_have_no_interval():
    found = speed_ratio_of_medians([0.5, 0.5], [2.0, 2.0, 2.0])

    assert (found.low, found.median, found.high) == (4.0, 4.0, 4.0)
