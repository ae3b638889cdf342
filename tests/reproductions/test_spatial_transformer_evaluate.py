"""Errors and their logarithms, angles, boxes, and what the figures show."""

from types import SimpleNamespace

import numpy as np
import pytest

from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.spatial_transformer import evaluate, figures
from reproductions.spatial_transformer.data import TestSet as Images


class Constant:
    """A network that always names the class `answer`."""

    def __init__(self, answer):
        self.answer = answer

    def predict_on_batch(self, images):
        return np.tile(np.eye(10)[self.answer], (len(images), 1))


def images(labels, centres=None, side=11):
    count = len(labels)
    centres = np.zeros((count, 2)) if centres is None else np.asarray(centres)
    pixels = np.zeros((count, side, side, 1), np.float32)
    return Images(pixels, np.asarray(labels), np.zeros(count), centres)


def turns(angles, scale=1.0):
    """Affine parameters of grids that are turned clockwise."""
    c, s = scale * np.cos(angles), scale * np.sin(angles)
    zero = np.zeros_like(c)
    return np.stack([c, -s, zero, s, c, zero], axis=1)


def test_errors_are_exact_where_the_last_batch_is_not_full():
    found = evaluate.errors(Constant(3), images([3, 3, 1, 3, 0]), 2)

    assert found["error_percent"].value == pytest.approx(40.0)
    assert found["error_percent"].count == 5
    # log((2 + 1/2) / 6)
    assert found["log_error"].value == pytest.approx(-0.875469)


def test_a_difference_of_log_errors_is_the_logarithm_of_a_ratio():
    difference = evaluate.log_error(5000, 100_000) - evaluate.log_error(3000, 100_000)

    # log(5 / 3) = log(1 / 0.6)
    assert difference == pytest.approx(0.5108, abs=1e-3)


def test_no_error_at_all_has_a_logarithm():
    found = evaluate.errors(Constant(3), images([3, 3, 3]), 2)

    assert found["error_percent"].value == 0.0
    assert found["log_error"].value == pytest.approx(np.log(0.125))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_angle_of_a_turned_and_scaled_grid_is_found(scale):
    angles = np.array([-2.0, -0.3, 0.0, 1.2])

    np.testing.assert_allclose(evaluate.rotation_angles(turns(angles, scale)), angles)


def test_a_grid_that_follows_the_digit_correlates_with_its_angle():
    angles = np.linspace(-1, 1, 9)

    assert evaluate.angle_correlation(turns(0.5 * angles), angles) == pytest.approx(1)
    assert evaluate.angle_correlation(turns(-angles), angles) == pytest.approx(-1)


def test_a_transformer_that_turns_nothing_explains_nothing():
    assert evaluate.angle_correlation(turns(np.zeros(5)), np.arange(5.0)) == 0.0


def test_intersection_over_union_by_hand():
    first = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]], float)
    second = np.array([[1, 0, 3, 2], [0, 0, 2, 2], [2, 2, 3, 3]], float)

    found = evaluate.intersection_over_union(first, second)

    # 2 of 4 + 4 - 2; all; none.
    np.testing.assert_allclose(found, [2 / 6, 1.0, 0.0])


def test_a_crop_counts_where_more_than_half_is_shared():
    # Digits of 6 of 11 pixels: half a side is 5 / 10 of the image.
    test = images([3] * 4, centres=[[0, 0], [0.4, 0], [0.4, 0], [-0.4, -0.4]])
    theta = np.array(
        [
            [0.5, 0, 0],  # the same square
            [0.5, 0.2, 0],  # shifted by a fifth of its side: 0.8 of 1.2
            [0.5, 0, 0],  # by two fifths: 0.6 of 1.4
            [-0.5, -0.4, -0.4],  # mirrored, the same square
        ]
    )

    assert evaluate.overlap_percent(theta, test, 6) == 75.0


# Figures


def run(variant, error, seed=0):
    metrics = (
        {} if error is None else {"test/error_percent": SimpleNamespace(value=error)}
    )
    dataset = SimpleNamespace(name="mnist", stand_in=False)
    record = SimpleNamespace(
        variant=variant, metrics=metrics, dataset=dataset, scale="small", seed=seed
    )
    return SimpleNamespace(record=record)


def test_the_errors_are_drawn_for_each_distortion_that_was_run():
    runs = [run("rts_fcn", 6.0), run("rts_fcn", 8.0, 1), run("r_st_fcn_affine", 1.5)]

    figure = figures.draw_errors([*runs, run("colocalisation_t", None)])

    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["R", "RTS"]
    # The paper's 5.2 and our mean of 6 and 8.
    assert [bar.get_width() for bar in figure.axes[1].patches] == [5.2, 7.0]


def test_runs_without_a_cell_of_the_table_give_no_figure():
    with pytest.raises(NothingToDraw, match="test/error_percent"):
        figures.draw_errors([run("r_st_fcn_affine_untrained", 90.0)])


def test_ten_images_are_one_of_each_label_and_then_others():
    labels = np.array([5, 5, 1, 1, 0, 5])

    # First of 0, 1 and 5: 4, 2 and 0; then the others in order.
    assert list(figures.ten_images(labels)) == [4, 2, 0, 1, 3, 5]


def test_every_transformer_has_a_row_of_outputs():
    pictures = np.zeros((3, 6, 6, 2), np.float32)
    grid = np.zeros((3, 6, 6, 2), np.float32)

    figure = figures.draw_transformations(pictures, [grid] * 2, [pictures] * 2)

    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert labels == ["input", "grid", "output 1", "output 2"]


def test_mean_images_are_of_each_label_and_as_bright_as_can_be():
    before = np.zeros((4, 2, 2, 1), np.float32)
    before[:, 0, 0, 0] = [0.2, 0.4, 0.6, 1.0]
    before[:, 1, 1, 0] = [0.0, 0.3, 0.4, 0.4]

    figure = figures.draw_mean_images(before, before, np.array([7, 7, 9, 9]))

    # Means 0.3 and 0.15, 0.8 and 0.4; two columns of white between the images.
    strip = figure.axes[0].images[0].get_array()[..., 0]
    expected = [[1.0, 0.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]]
    np.testing.assert_allclose(strip, expected, rtol=1e-6)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["7", "9"]


def test_the_grid_of_the_identity_is_the_border_of_its_image():
    pictures = np.zeros((2, 8, 8, 1), np.float32)
    x, y = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8))
    grid = np.stack([np.stack([x, y], axis=-1)] * 2)

    figure = figures.draw_transformations(pictures, [grid], [pictures])

    # The second image begins after one of 8 + 2 * 2 pixels and a gap of 2.
    upper = figure.axes[1].collections[1].get_paths()[-1].vertices
    np.testing.assert_allclose(upper[[0, -1]], [[16, 2], [23, 2]], atol=1e-6)
