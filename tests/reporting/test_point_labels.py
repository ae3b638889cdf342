"""Names of points, none on another."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cai_keras.reporting.point_labels import place_labels


@pytest.fixture
def axis():
    figure, axis = plt.subplots(figsize=(4, 4))
    axis.set_xlim(0, 10)
    axis.set_ylim(0, 10)
    yield axis
    plt.close(figure)


def boxes_of(axis):
    figure = axis.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in axis.texts if text.get_text()]


def test_a_lone_name_stands_right_of_its_point(axis):
    place_labels(axis, [(5, 5)], ["alone"], [3])

    (box,) = boxes_of(axis)
    x, y = axis.transData.transform((5, 5))
    assert box.x0 > x
    assert (box.y0 + box.y1) / 2 == pytest.approx(y, abs=1)


def test_names_of_a_crowd_do_not_overlap(axis):
    rng = np.random.default_rng(0)
    points = [tuple(p) for p in rng.uniform(4.5, 5.5, (12, 2))]

    place_labels(axis, points, [f"network {n}" for n in range(12)], [2] * 12)

    boxes = boxes_of(axis)
    assert len(boxes) == 12
    for first, second in combinations(boxes, 2):
        assert not first.overlaps(second)
    for box in boxes:
        for place in axis.transData.transform(points):
            assert not box.contains(*place)


def test_names_stay_within_the_axis(axis):
    place_labels(axis, [(9.9, 9.9), (0.1, 0.1)], ["upper right", "lower left"], [3, 3])

    frame = axis.get_window_extent()
    for box in boxes_of(axis):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1
