"""Titles, means over seeds and curves of many runs, by hand."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cai_keras.reporting.run_groups import (
    curves_of,
    data_title,
    draw_curve,
    mean_and_deviation,
    values_of,
)


def run_with(rows):
    table = pd.DataFrame(rows, columns=["step", "metric", "value"])
    return SimpleNamespace(metrics=lambda: table)


def test_a_title_names_the_data_and_says_if_it_stands_in(make_record):
    record = make_record({}, data="shapes", stand_in=True)
    real = make_record({}, data="cifar10", stand_in=False)

    assert data_title(record) == "shapes (stand-in), small scale"
    assert data_title(real) == "cifar10, small scale"


def test_runs_without_a_number_have_no_value(make_record):
    records = [
        make_record({"a": 1.0}),
        make_record({"b": 2.0}),
        make_record({"a": 3.0}),
    ]
    runs = [SimpleNamespace(record=record) for record in records]

    assert values_of(runs, "a") == [1.0, 3.0]


def test_mean_and_deviation_of_two_seeds_and_of_one():
    assert mean_and_deviation([10.0, 14.0]) == (12.0, pytest.approx(np.sqrt(8)))
    assert mean_and_deviation([3.0]) == (3.0, 0.0)


def test_curves_have_the_steps_that_all_runs_have():
    first = run_with(
        [(1, "loss", 2.0), (2, "loss", 1.0), (2, "loss", 9.0), (1, "x", 7.0)]
    )
    second = run_with([(2, "loss", 3.0), (3, "loss", 0.0)])

    table = curves_of([first, second], "loss")

    assert list(table.index) == [2]
    np.testing.assert_array_equal(table.to_numpy(), [[1.0, 3.0]])


def test_a_curve_is_the_mean_with_a_band_around_it():
    runs = [
        run_with([(1, "loss", 2.0), (2, "loss", 1.0)]),
        run_with([(1, "loss", 4.0), (2, "loss", 5.0)]),
    ]
    figure, axis = plt.subplots()

    draw_curve(axis, runs, "loss", label="net")

    (line,), (band,) = axis.lines, axis.collections
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 3.0])
    edges = band.get_paths()[0].vertices
    assert (edges[:, 1].min(), edges[:, 1].max()) == (1.0, 5.0)
    plt.close(figure)
