"""The arithmetic of benchmarks, with a clock that the test moves itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.timing import speed_ratio
from cai_keras.training.timing import interleave

ROOT = Path(__file__).parents[1]


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_interleave_measures_each_alternative_with_the_given_clock():
    clock = FakeClock()
    calls = {"slow": lambda: clock.sleep(3.0), "fast": lambda: clock.sleep(1.0)}
    seconds = interleave(calls, rounds=4, clock=clock)
    assert seconds == {"slow": [3.0] * 4, "fast": [1.0] * 4}


def test_interleave_reverses_the_order_in_every_other_round():
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    interleave(calls, rounds=3)
    assert "".join(order) == "abbaab"


def test_a_third_of_the_time_is_three_times_the_speed():
    # Pairs of (ours, reference): 1/3, 2/6, 1/3: every ratio is 3.
    ratio = speed_ratio([1.0, 2.0, 1.0], [3.0, 6.0, 3.0])
    assert (ratio.median, ratio.low, ratio.high) == (3.0, 3.0, 3.0)


def test_the_interval_of_a_noisy_ratio_contains_its_median():
    # Ratios 1.0, 1.1, 0.9, 1.2, 0.8: median 1.0, and no bound outside 0.8 to 1.2.
    ratio = speed_ratio([1.0] * 5, [1.0, 1.1, 0.9, 1.2, 0.8])
    assert ratio.median == pytest.approx(1.0)
    assert 0.8 <= ratio.low <= 1.0 <= ratio.high <= 1.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["engine", "layers"])
def test_a_benchmark_runs_and_prints_json(name):
    arguments = ["--rounds", "2"]
    if name == "engine":
        arguments += ["--steps", "2", "--batch", "4"]
    result = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)
