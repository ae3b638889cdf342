"""Steps against a clock that the test moves itself: warm-up, blocks, repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.steady import is_steady
from benchmarks.stepping import Stepper


class FakeSteps:
    """A call whose steps take the given seconds, the last ones for ever."""

    def __init__(self, seconds, compile_seconds=0.0):
        self.now, self.calls = 0.0, []
        self._seconds = list(seconds)
        self._compile = compile_seconds

    def clock(self):
        return self.now

    def make(self):
        self.now += self._compile
        return self

    def __call__(self, steps):
        self.calls.append(steps)
        for _ in range(steps):
            more = len(self._seconds) > 1
            self.now += self._seconds.pop(0) if more else self._seconds[0]

    def stepper(self, cycle=1):
        return Stepper(self.make, cycle, self.clock)


# When times are steady


def test_equal_times_are_steady_from_the_third_on():
    assert not is_steady([])
    assert not is_steady([1.0, 1.0])
    assert is_steady([1.0, 1.0, 1.0])


def test_times_that_fall_are_not_steady():
    # Windows of 5: medians 13, 8 and 3.
    assert not is_steady([float(15 - n) for n in range(15)])


def test_a_fall_that_has_ended_is_steady():
    assert is_steady([9.0, 5.0, 2.0, *[1.0] * 15])


def test_medians_within_the_tolerance_are_steady():
    # 1.00, 1.03 and 1.05.
    times = [1.0] * 5 + [1.03] * 5 + [1.05] * 5
    assert is_steady(times, tolerance=0.06)
    assert not is_steady(times, tolerance=0.04)


def test_noise_without_a_trend_is_steady():
    # Medians 3, 1 and 3, but no order in time.
    assert is_steady([1, 3, 1, 3, 3, 1, 3, 1, 3, 1, 1, 3, 1, 3, 3])


def test_few_times_that_differ_are_not_taken_for_noise():
    assert not is_steady([1.0, 3.0, 1.0, 3.0])


@given(st.lists(st.floats(1e-6, 1e3), max_size=40))
def test_the_unit_of_time_does_not_matter(times):
    # A power of two: no rounding on the way.
    assert is_steady(times) == is_steady([4.0 * one for one in times])


# A stepper


def test_the_first_step_holds_the_compilation():
    steps = FakeSteps([2.0, 1.0], compile_seconds=10.0)
    assert steps.stepper().start() == 12.0


def test_long_steps_are_timed_one_by_one():
    steps = FakeSteps([5.0, 1.0])
    stepper = steps.stepper()
    stepper.start()
    warm_up = stepper.warm_up(budget=100.0)
    # Two to choose the block by, and three equal ones.
    assert (warm_up.steps, warm_up.is_steady, stepper.block) == (5, True, 1)
    assert stepper.repeat(2.5) == (1.0, 1.0, 1.0)


def test_short_steps_are_timed_in_blocks_of_ten_milliseconds():
    steps = FakeSteps([0.002])
    stepper = steps.stepper()
    stepper.start()
    stepper.warm_up(budget=1.0)
    assert stepper.block == 5
    # Three blocks of 10 ms; a block's mean stands for its steps.
    assert stepper.repeat(0.025) == pytest.approx((0.002,) * 3)
    assert steps.calls[-3:] == [5, 5, 5]


def test_a_block_has_whole_cycles_of_updates():
    # 10 ms are 5 steps; the next whole cycles of 3 are 6.
    stepper = FakeSteps([0.002]).stepper(cycle=3)
    stepper.start()
    stepper.warm_up(budget=1.0)
    assert stepper.block == 6


def test_a_warm_up_ends_with_its_budget_where_times_go_on_falling():
    # 2^-n seconds: medians never agree. Steps 2 and 3 choose the block.
    stepper = FakeSteps([2.0**-n for n in range(12)]).stepper()
    stepper.start()
    warm_up = stepper.warm_up(budget=0.99)
    # 0.5 + 0.25 + 0.125 + 0.0625 + 0.03125 = 0.96875; the next one exceeds 0.98.
    assert not warm_up.is_steady
    assert warm_up.steps == 7


def test_a_warm_up_lasts_at_least_as_long_as_asked():
    stepper = FakeSteps([1.0]).stepper()
    stepper.start()
    assert stepper.warm_up(budget=100.0, least=20.0).steps == 20


def test_a_repeat_has_a_step_however_long_it_takes():
    stepper = FakeSteps([30.0]).stepper()
    stepper.start()
    stepper.warm_up(budget=0.0)
    assert stepper.repeat(2.0) == (30.0,)
