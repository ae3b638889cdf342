"""Curves over seeds, and the geometry of the charts."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cai_keras.reporting.curves import HEIGHT, WIDTH, Curve, draw_panel, read_curves
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.run_folder import RunFolder


@pytest.fixture
def logged(tmp_path, make_record):
    """Function from the text of a metrics.csv and a seed to the run that wrote it."""

    def make(text: str | bytes, seed: int = 0) -> FinishedRun:
        folder = RunFolder(tmp_path / f"seed{seed}")
        folder.path.mkdir()
        data = text.encode() if isinstance(text, str) else text
        folder.metrics_path.write_bytes(b"step,metric,value\n" + data)
        return FinishedRun(folder, make_record(seed=seed))

    return make


def test_a_curve_is_the_mean_over_seeds_between_the_smallest_and_the_largest(logged):
    first = logged("10,validation/a,1\n20,validation/a,3\n30,validation/a,9\n", 0)
    # Seed 1 stopped earlier: step 30 has no mean.
    second = logged("10,validation/a,2\n20,validation/a,7\n", 1)

    curves, notes = read_curves({"method": [first, second]})

    curve = curves["validation/a"]["method"]
    assert curve.steps.tolist() == [10, 20]
    assert curve.mean.tolist() == [1.5, 5.0]
    assert curve.low.tolist() == [1, 3]
    assert curve.high.tolist() == [2, 7]
    assert curve.seeds == 2
    assert notes == []


def test_of_a_training_the_totals_are_drawn_and_of_an_evaluation_everything(logged):
    run = logged(
        "".join(
            f"{step},{name},{step}\n"
            for name in ("train/g/total", "train/g/adversarial", "train/d/total",
                         "validation/b", "validation/a", "test/a")
            for step in (1, 2)
        )
    )  # fmt: skip

    curves, _ = read_curves({"method": [run]})

    assert list(curves) == [
        "train/d/total", "train/g/total", "validation/a", "validation/b",
    ]  # fmt: skip


def test_without_totals_every_training_loss_is_drawn(logged):
    run = logged("1,train/loss,3\n2,train/loss,2\n1,train/rate,1\n2,train/rate,1\n")

    curves, _ = read_curves({"method": [run]})

    assert list(curves) == ["train/loss", "train/rate"]


def test_a_name_may_hold_a_comma_and_quotes(logged):
    run = logged('1,"validation/a, ""b""",3\r\n2,"validation/a, ""b""",2\r\n')

    curves, _ = read_curves({"method": [run]})

    assert curves['validation/a, "b"']["method"].mean.tolist() == [3, 2]


def test_a_single_point_is_no_curve(logged):
    assert read_curves({"pixels": [logged("0,validation/a,14.2\n")]}) == ({}, [])


def test_a_run_without_metrics_has_no_curve(tmp_path, make_record):
    run = FinishedRun(RunFolder(tmp_path), make_record())

    assert read_curves({"method": [run]}) == ({}, [])


def test_lines_that_are_no_numbers_are_left_out(logged):
    run = logged(
        "1,validation/a,5\nx,validation/a,6\n2,validation/a,nan\n3,validation/a,inf\n"
        "4,validation/a,7\n5,validation/a"
    )

    curves, _ = read_curves({"method": [run]})

    assert curves["validation/a"]["method"].mean.tolist() == [5, 7]


def test_a_metrics_file_that_is_no_text_is_named(logged):
    curves, notes = read_curves({"method": [logged(b"\xff\xfe\x00,\x80", 3)]})

    assert curves == {}
    assert notes == ["small/method/seed3: its metrics.csv cannot be read"]


def test_metrics_beyond_the_eighth_are_named_instead_of_drawn(logged):
    names = [f"validation/{letter}" for letter in "abcdefghij"]
    run = logged("".join(f"{s},{name},{s}\n" for name in names for s in (1, 2)))

    curves, notes = read_curves({"method": [run]})

    assert list(curves) == names[:8]
    assert notes == [f"{name}: logged, but not drawn here" for name in names[8:]]


def curve(steps, values, spread=0.0, seeds=3) -> Curve:
    mean = np.array(values, float)
    return Curve(np.array(steps, float), mean, mean - spread, mean + spread, seeds)


def points(path: str) -> list[tuple[float, float]]:
    """Absolute positions of a path that moves once and then steps on."""
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path)]
    steps = np.array(numbers).reshape(-1, 2)
    return [tuple(point) for point in np.cumsum(steps, axis=0)]


def test_a_line_goes_from_corner_to_corner_of_its_values():
    panel = draw_panel(
        "validation/a", {"m": curve([0, 100], [0, 50], seeds=1)}, {"m": 1}
    )

    left, top, right, bottom = panel.frame
    (line,) = panel.lines
    ((x0, y0), (x1, y1)) = points(line.path)
    # 4 % of the range above and below: 1/27 of the 1.08 ranges that are shown.
    air = (bottom - top) * 0.04 / 1.08
    assert (x0, x1) == (left, right)
    assert y0 == pytest.approx(bottom - air, abs=0.1)
    assert y1 == pytest.approx(top + air, abs=0.1)
    assert line.band == ""  # one seed has no spread
    assert line.summary == "m, one seed: 50 at step 100"


def test_points_that_would_fall_together_are_averaged():
    # 2,961 steps on 296 units: ten steps a unit, thirty for one point.
    steps = np.arange(2961)
    panel = draw_panel("validation/a", {"m": curve(steps, steps % 2)}, {"m": 1})

    drawn = points(panel.lines[0].path)
    middle = (panel.frame[1] + panel.frame[3]) / 2
    assert len(drawn) == 99
    # Zeros and ones in turn: each average is a half, or 15/31 where a point more fell
    # in, three units off at most. The very last point stands alone.
    assert all(abs(y - middle) < 3 for _, y in drawn[:-1])


def test_a_training_five_times_as_long_makes_the_steps_logarithmic():
    short, long = curve([10, 100], [1, 2]), curve([10, 1000], [1, 2])
    keys = {"short": 1, "long": 2}

    panel = draw_panel("validation/a", {"short": short, "long": long}, keys)

    assert panel.x_label == "step (logarithmic)"
    assert [text for _, text in panel.x_ticks] == [
        "10", "20", "50", "100", "200", "500", "1k",
    ]  # fmt: skip
    left, _, right, _ = panel.frame
    # 100 is half way from 10 to 1000.
    assert panel.lines[0].end[0] == pytest.approx((left + right) / 2, abs=0.1)


def test_a_loss_over_decades_is_logarithmic_and_a_metric_never():
    falling = {"m": curve([1, 2, 3], [300.0, 3.0, 1.0])}

    loss = draw_panel("train/net/total", falling, {"m": 1})
    metric = draw_panel("validation/a", falling, {"m": 1})

    assert (loss.y_label, metric.y_label) == ("logarithmic", "")
    assert "100" in [text for _, text in loss.y_ticks]


def test_marks_of_lines_that_end_together_keep_apart_and_in_order():
    curves = {str(n): curve([0, 10], [0, 50 + n / 2]) for n in range(1, 7)}
    curves["top"] = curve([0, 10], [0, 100])
    keys = {label: place for place, label in enumerate(curves, start=1)}

    lines = draw_panel("validation/a", curves, keys).lines

    # Larger values are higher up, that is at a smaller distance from the top.
    marks = [line.label for line in lines[:6]]
    assert all(above - below >= 9.9 for above, below in itertools.pairwise(marks))
    # They spread to both sides of where the lines end: 2.5 marks up, 2.5 down.
    ends = [line.end[1] for line in lines[:6]]
    assert np.mean(marks) == pytest.approx(np.mean(ends), abs=0.2)
    assert lines[6].label == lines[6].end[1]


numbers = st.floats(-1e100, 1e100)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.dictionaries(st.integers(0, 10**9), numbers, min_size=2, max_size=30),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["train/net/total", "validation/a"]),
)
def test_whatever_was_logged_is_drawn_inside_the_frame(series, metric):
    curves = {
        str(n): curve(sorted(values), [values[s] for s in sorted(values)])
        for n, values in enumerate(series)
    }
    keys = {label: n for n, label in enumerate(curves, start=1)}

    panel = draw_panel(metric, curves, keys)

    left, top, right, bottom = panel.frame
    assert 0 < left < right < WIDTH
    assert 0 < top < bottom < HEIGHT
    for line in panel.lines:
        for x, y in points(line.path) + points(line.band):
            assert left - 0.2 <= x <= right + 0.2
            assert top - 0.2 <= y <= bottom + 0.2
        assert top <= line.label <= bottom
    for place, text in [*panel.x_ticks, *panel.y_ticks]:
        assert math.isfinite(place)
        assert len(text) <= 8
