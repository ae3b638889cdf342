"""Grids of pictures, pixel by pixel."""

import numpy as np
import pytest

from cai_keras.generation.grids import picture_grid, usual_columns


def shades(*levels, height=1, width=1):
    """Grey pictures of one level each."""
    flat = np.float32(levels)[:, None, None, None]
    return np.broadcast_to(flat, (len(levels), height, width, 1))


def test_pictures_lie_row_by_row_with_white_between_them_and_none_around():
    grid = picture_grid(shades(0, 0.2, 0.4, 0.6), columns=2, gap=1)

    # 0.2, 0.4 and 0.6 of 255.
    expected = [[0, 255, 51], [255, 255, 255], [102, 255, 153]]
    np.testing.assert_array_equal(grid[..., 0], expected)
    assert grid.dtype == np.uint8


def test_what_the_last_row_has_left_is_white():
    grid = picture_grid(shades(0, 0, 0), columns=2, gap=0)

    np.testing.assert_array_equal(grid[..., 0], [[0, 0], [0, 255]])


def test_grey_becomes_three_equal_channels_and_colours_stay():
    colours = np.float32([[1, 0, 0.2], [0, 1, 0]]).reshape(2, 1, 1, 3)

    assert picture_grid(shades(0.2)).tolist() == [[[51, 51, 51]]]
    found = picture_grid(colours, columns=2, gap=0)
    assert found.tolist() == [[[255, 0, 51], [0, 255, 0]]]


def test_a_scale_repeats_pixels_and_leaves_the_gap():
    picture = np.float32([[0, 0.2]]).reshape(1, 1, 2, 1)
    pair = np.concatenate([picture, picture])

    grid = picture_grid(pair, columns=1, gap=1, scale=2)

    row = [0, 0, 51, 51]
    expected = [row, row, [255] * 4, row, row]
    np.testing.assert_array_equal(grid[..., 0], expected)


def test_a_grid_of_pictures_of_any_shape_has_the_size_that_is_promised():
    grid = picture_grid(shades(*[0] * 5, height=4, width=6), columns=3, gap=2, scale=3)

    # 2 rows of 12 and a gap; 3 columns of 18 and 2 gaps.
    assert grid.shape == (2 * 12 + 2, 3 * 18 + 2 * 2, 3)


def test_bytes_are_taken_as_they_are():
    pictures = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)

    grid = picture_grid(pictures, columns=256, gap=0)

    np.testing.assert_array_equal(grid[0, :, 0], np.arange(256))


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (64, 8), (65, 9), (100, 10)]
)
def test_without_columns_a_grid_is_as_wide_as_it_is_high(count, columns):
    assert usual_columns(count) == columns
    assert picture_grid(shades(*[0] * count), gap=0).shape[1] == columns


@pytest.mark.parametrize(
    ("pictures", "options", "message"),
    [
        (shades(0)[0], {}, r"expected \(n, height, width, 1 or 3\), received \(1, 1, "),
        (shades(0)[:0], {}, r"received \(0, 1, 1, 1\)"),
        (np.zeros((1, 2, 2, 4), "float32"), {}, r"received \(1, 2, 2, 4\)"),
        (shades(-1, 1), {}, r"expected values in \[0, 1\], received -1 to 1"),
        (shades(0, 255), {}, "received 0 to 255"),
        (shades(np.nan), {}, "received nan to nan"),
        (shades(0), {"columns": 0}, "columns: expected at least 1, received 0"),
        (shades(0), {"gap": -1}, "gap: expected at least 0, received -1"),
        (shades(0), {"scale": 0}, "scale: expected at least 1, received 0"),
    ],
)
def test_what_is_no_grid_is_refused(pictures, options, message):
    with pytest.raises(ValueError, match=message):
        picture_grid(pictures, **options)
