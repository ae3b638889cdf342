"""Sliced Wasserstein distances by hand, by SciPy and of pictures with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import wasserstein_distance

from cai_keras.metrics.sliced_wasserstein import (
    laplacian_pyramid,
    normalised,
    picture_swd,
    random_patches,
    set_swd,
    sliced_wasserstein,
)


def clouds(dimension):
    return npst.arrays(
        "float64",
        st.tuples(st.integers(1, 9), st.just(dimension)),
        elements=st.integers(-50, 50).map(float),
    )


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def distance(a, b, directions=8, repeats=2, seed=0):
    rng = np.random.default_rng(seed)
    return sliced_wasserstein(a, b, directions, repeats, rng)


def line(*points):
    return np.array(points, float)[:, None]


def enlarging(fine, coarse):
    """What enlarging does along one axis, written as a matrix.

    A pixel at an even place is (1, 6, 1) / 8 of its neighbours, at an odd one the mean
    of two; beyond the border of the fine picture, places are mirrored.
    """
    matrix = np.zeros((fine, coarse))
    for place in range(fine):
        for step, weight in zip(range(-2, 3), [1, 4, 6, 4, 1], strict=True):
            mirrored = abs(place + step)
            mirrored = min(mirrored, 2 * (fine - 1) - mirrored)
            if mirrored % 2 == 0:
                matrix[place, mirrored // 2] += weight / 8
    return matrix


def rebuilt(pyramid):
    picture = pyramid[-1]
    for level in pyramid[-2::-1]:
        rows, columns = (
            enlarging(level.shape[axis], picture.shape[axis]) for axis in (1, 2)
        )
        picture = level + np.einsum("yh,xw,nhwc->nyxc", rows, columns, picture)
    return picture


# The pyramid.


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 24), st.integers(5, 24), st.integers(1, 3), st.integers(0, 99))
def test_adding_up_the_enlarged_levels_gives_the_pictures_back(
    height, width, levels, seed
):
    pictures = noise(2, height, width, 3, seed=seed)

    pyramid = laplacian_pyramid(pictures, levels)

    assert len(pyramid) == levels
    np.testing.assert_allclose(rebuilt(pyramid), pictures, atol=1e-12)


def test_one_level_is_the_pictures_themselves():
    pictures = noise(1, 5, 7, 2)

    (level,) = laplacian_pyramid(pictures, 1)

    np.testing.assert_array_equal(level, pictures)


def test_levels_halve_upwards_keep_their_type_and_leave_the_pictures_alone():
    pictures = noise(2, 9, 16, 3).astype("float32")
    before = pictures.copy()

    pyramid = laplacian_pyramid(pictures, 3)

    shapes = [level.shape for level in pyramid]
    assert shapes == [(2, 9, 16, 3), (2, 5, 8, 3), (2, 3, 4, 3)]
    assert {level.dtype for level in pyramid} == {np.dtype("float32")}
    np.testing.assert_array_equal(pictures, before)


def test_a_bright_column_is_blurred_by_the_binomial_filter():
    pictures = np.zeros((1, 9, 9, 1))
    pictures[:, :, 4] = 16.0

    rest, coarse = laplacian_pyramid(pictures, 2)

    # Kept columns 0, 2, 4, 6, 8 of 1 4 6 4 1 about column 4: 0 1 6 1 0.
    np.testing.assert_allclose(coarse[0, :, :, 0], [[0, 1, 6, 1, 0]] * 5)
    # Enlarged at column 4: (1 + 6 * 6 + 1) / 8 = 4.75; at column 3: (1 + 6) / 2.
    np.testing.assert_allclose(rest[0, :, 4, 0], 16 - 4.75)
    np.testing.assert_allclose(rest[0, :, 3, 0], -3.5)


def test_the_border_is_mirrored_about_the_outermost_pixel():
    pictures = np.zeros((1, 4, 4, 1))
    pictures[:, :, 1] = 16.0

    coarse = laplacian_pyramid(pictures, 2)[1]

    # Column 1 is seen on both sides of column 0: 4 + 4. From column 2: 4, and mirrored
    # about column 3 it would be column 5, out of reach.
    np.testing.assert_allclose(coarse[0, :, :, 0], [[8, 4]] * 2)


@pytest.mark.parametrize("sides", [(16, 16), (17, 13), (8, 31)])
def test_a_constant_picture_is_in_the_last_level_only(sides):
    *rests, last = laplacian_pyramid(np.full((1, *sides, 3), 0.3, "float32"), 4)

    assert [np.abs(rest).max() for rest in rests] == [0, 0, 0]
    assert (last == np.float32(0.3)).all()


def test_pictures_that_cannot_be_halved_further_are_refused():
    assert len(laplacian_pyramid(np.zeros((1, 4, 5, 3)), 3)) == 3
    with pytest.raises(ValueError, match="levels: expected from 1 to 3, received 4"):
        laplacian_pyramid(np.zeros((1, 4, 5, 3)), 4)
    with pytest.raises(ValueError, match="levels: expected from 1 to 3, received 0"):
        laplacian_pyramid(np.zeros((1, 4, 5, 3)), 0)


def test_whole_numbers_and_single_pictures_have_no_pyramid():
    with pytest.raises(ValueError, match=r"received uint8 \(1, 8, 8, 3\)"):
        laplacian_pyramid(np.zeros((1, 8, 8, 3), "uint8"), 2)
    with pytest.raises(ValueError, match=r"received float64 \(8, 8, 3\)"):
        laplacian_pyramid(np.zeros((8, 8, 3)), 2)


# Patches.


def test_patches_are_cut_from_their_own_picture_and_cover_all_places():
    row, column = np.mgrid[0:4, 0:5]
    picture = np.stack([row, column], axis=-1).astype(float)
    pictures = np.stack([picture, picture + 100])

    patches = random_patches(pictures, 3, 60, np.random.default_rng(0))

    assert patches.shape == (120, 3, 3, 2)
    assert (patches[:60] < 100).all()
    corners = patches[:60, 0, 0]
    within = np.stack(np.mgrid[0:3, 0:3], axis=-1)
    np.testing.assert_array_equal(patches[:60], corners[:, None, None] + within)
    # 4 - 3 + 1 rows and 5 - 3 + 1 columns.
    assert {tuple(corner) for corner in corners} == {
        (r, c) for r in range(2) for c in range(3)
    }
    assert (patches[60:] >= 100).all()


def test_a_picture_of_a_patchs_size_has_one_patch():
    picture = noise(1, 7, 7, 3)

    patches = random_patches(picture, 7, 2, np.random.default_rng(0))

    np.testing.assert_array_equal(patches, np.concatenate([picture, picture]))


def test_pictures_smaller_than_a_patch_are_refused():
    with pytest.raises(ValueError, match="at least 7 x 7 pixels, received 9 x 6"):
        random_patches(np.zeros((1, 9, 6, 3)), 7, 1, np.random.default_rng(0))


def test_normalised_patches_have_mean_0_and_deviation_1_in_each_channel():
    patches = noise(50, 3, 3, 2) * [3, 700] + [5, -900]

    result = normalised(patches)

    np.testing.assert_allclose(result.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(result.std((0, 1, 2)), 1)
    # One mean for all pixels of a channel: (0, 0, 0, 4) has mean 1, deviation sqrt 3.
    two = np.array([0.0, 0, 0, 4]).reshape(2, 1, 2, 1)
    expected = np.array([-1, -1, -1, 3]) / np.sqrt(3)
    np.testing.assert_allclose(normalised(two).ravel(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_a_constant_channel_becomes_zeros(value, dtype):
    patches = noise(999, 3, 3, 2).astype(dtype)
    patches[..., 1] = value

    result = normalised(patches)

    assert result.dtype == dtype
    assert (result[..., 1] == 0).all()
    assert result[..., 0].std() == pytest.approx(1, rel=1e-5)


# Sets of points.


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (line(1, 5, 2), line(4, 8, 5), 3.0),  # moved by 3
        (line(0, 10), line(4, 5), 4.5),  # (4 + 5) / 2
        (line(3, 1), line(1, 3), 0.0),  # the same set
        (line(0), line(-2, 1, 7), 10 / 3),  # (2 + 1 + 7) / 3
        # Sixths: 0 0 0 6 6 6 against 0 0 3 3 9 9: (0 0 3 3 3 3) / 6.
        (line(0, 6), line(0, 3, 9), 2.0),
        (line(0, 6), line(0, 0, 6, 6), 0.0),  # each point twice
    ],
)
def test_distances_on_a_line_by_hand(a, b, expected):
    # In one dimension the unit sphere is {-1, 1}: every direction gives the same.
    assert distance(a, b) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(clouds(1), clouds(1))
def test_on_a_line_the_distance_is_that_of_scipy(a, b):
    np.testing.assert_allclose(
        distance(a, b), wasserstein_distance(a[:, 0], b[:, 0]), atol=1e-9
    )


def test_in_space_the_distance_is_scipys_mean_over_directions_of_length_1():
    a, b = noise(7, 3), noise(5, 3, seed=1)
    draws = np.random.default_rng(0).standard_normal((16, 3))
    lines = draws / np.linalg.norm(draws, axis=1, keepdims=True)

    found = distance(a, b, directions=8, repeats=2)

    expected = np.mean([wasserstein_distance(a @ one, b @ one) for one in lines])
    assert found == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(clouds(3), clouds(3))
def test_the_distance_is_symmetric_and_0_for_equal_sets(a, b):
    assert distance(a, b) == distance(b, a) >= 0
    assert distance(a, a) == 0
    # Summing in another order may round otherwise.
    np.testing.assert_allclose(distance(a, a[::-1]), 0, atol=1e-12)
    np.testing.assert_allclose(distance(a[::-1], b), distance(a, b), atol=1e-9)


def test_moved_points_have_the_vectors_length_times_its_share_of_a_direction():
    a = noise(20, 100)
    vector = np.full(100, 0.3)

    # Length 3; a coordinate of a direction has size sqrt(2 / (100 pi)) = 0.0798.
    found = distance(a, a + vector, directions=1000, repeats=4)

    assert found == pytest.approx(3 * 0.0798, rel=0.05)


def test_single_precision_is_enough_for_whole_numbers_too():
    a, b = noise(50, 4), noise(50, 4, seed=1)

    assert distance(a.astype("float32"), b.astype("float32")) == pytest.approx(
        distance(a, b), rel=1e-5
    )
    whole = distance(np.array([[0], [2]]), np.array([[1], [5]]))
    assert whole == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("a", "b"), [((0, 3), (4, 3)), ((4, 3), (4, 2)), ((4,), (4,)), ((4, 0), (4, 0))]
)
def test_empty_sets_and_two_dimensions_are_refused(a, b):
    with pytest.raises(ValueError, match=r"expected points \(n, d\) and \(m, d\)"):
        distance(np.zeros(a), np.zeros(b))


# Two pictures.


@pytest.mark.parametrize("normalise", [False, True])
def test_a_picture_has_distance_0_to_itself_at_every_level(normalise):
    picture = noise(40, 33, 3)

    found = picture_swd(picture, picture.copy(), 3, normalise=normalise)

    assert found == {"level_0": 0, "level_1": 0, "level_2": 0, "mean": 0}


def test_two_pictures_of_two_sizes_have_one_distance_in_either_order():
    first, second = noise(40, 33, 3), noise(50, 29, 3, seed=1) ** 2

    found = picture_swd(first, second, 2, num_patches=200)

    assert found == picture_swd(second, first, 2, num_patches=200)
    assert found["level_1"] > 0.05  # mean grey is 1/2 and 1/3
    assert found["mean"] == pytest.approx((found["level_0"] + found["level_1"]) / 2)


def test_a_brighter_picture_differs_at_the_last_level_only_and_in_no_other_way():
    picture = noise(64, 64, 3).astype("float32") / 2

    found = picture_swd(picture, picture + np.float32(0.25), 4)
    half = picture_swd(picture, picture + np.float32(0.125), 4)

    # All 147 numbers of a patch move by c: sqrt(147) c sqrt(2 / (147 pi)) = 0.798 c,
    # up to the noise of 512 directions: 0.603 / 0.798 / sqrt(512) = 3 %.
    assert found["level_3"] == pytest.approx(0.798 * 0.25, rel=0.12)
    assert half["level_3"] == pytest.approx(found["level_3"] / 2, rel=1e-4)
    for level in ("level_0", "level_1", "level_2"):
        assert found[level] == pytest.approx(0, abs=1e-6)
    assert found["mean"] == pytest.approx(found["level_3"] / 4, rel=1e-4)


def test_normalising_removes_brightness_and_contrast_of_each_colour():
    picture = noise(64, 64, 3)
    graded = picture * [0.5, 0.2, 0.9] + [0.1, 0.8, 0.0]

    plain = picture_swd(picture, graded, 3)
    structure = picture_swd(picture, graded, 3, normalise=True)

    assert min(plain.values()) > 0.02
    assert max(structure.values()) < 1e-4


def test_constant_pictures_differ_by_their_colour_and_not_when_normalised():
    dark, light = (np.full((30, 30, 3), value) for value in (0.1, 0.7))

    plain = picture_swd(dark, light, 2)

    assert plain["level_0"] == 0
    assert plain["level_1"] == pytest.approx(0.798 * 0.6, rel=0.12)
    assert picture_swd(dark, light, 2, normalise=True)["mean"] == 0


def test_where_in_the_picture_a_patch_lies_does_not_matter():
    # Stripes of period 4 look alike from every place, but for the turned ones.
    stripes = np.tile((np.arange(64) % 4 < 2)[:, None, None], (1, 64, 3)).astype(float)
    moved, turned = np.roll(stripes, 1, axis=0), stripes.swapaxes(0, 1)

    near = picture_swd(stripes, moved, 1)["level_0"]
    far = picture_swd(stripes, turned, 1)["level_0"]

    # Only the numbers of the four kinds of patches differ: 1024 +- 28 of 4096 each.
    assert near < 0.03
    assert far > 3 * near


def test_the_seed_fixes_places_and_directions():
    first, second = noise(32, 32, 3), noise(32, 32, 3, seed=1)

    found = picture_swd(first, second, 2, num_patches=64, seed=5)

    assert found == picture_swd(first, second, 2, num_patches=64, seed=5)
    assert found != picture_swd(first, second, 2, num_patches=64, seed=6)


def test_more_patches_leave_less_noise():
    first, second = noise(128, 128, 3), noise(128, 128, 3, seed=1)

    few = picture_swd(first, second, 1, num_patches=100)["mean"]
    many = picture_swd(first, second, 1, num_patches=6400)["mean"]

    # 64 times as many: 8 times less, but that they overlap.
    assert few / 12 < many < few / 5


def test_a_last_level_of_7_x_7_pixels_is_large_enough_and_the_error_names_the_picture():
    large, small = noise(60, 60, 3), noise(25, 90, 3)  # 25, 13, 7

    assert len(picture_swd(large, small, 3, num_patches=4)) == 4
    with pytest.raises(ValueError, match=r"second: expected sides of 49 .* 4 levels"):
        picture_swd(large, small, 4)
    with pytest.raises(ValueError, match="first: expected sides of 25"):
        picture_swd(small[:24], large, 3)
    with pytest.raises(ValueError, match="levels"):
        picture_swd(large, large, 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((9, 9, 3), "uint8"), r"received uint8 \(9, 9, 3\)"),
        (np.zeros((9, 9, 4)), r"received float64 \(9, 9, 4\)"),
        (np.zeros((9, 9)), r"received float64 \(9, 9\)"),
        (np.full((9, 9, 3), 255.0), r"expected \[0, 1\], received 255.0 to 255.0"),
        (np.full((9, 9, 3), -0.1), r"expected \[0, 1\]"),
        (np.full((9, 9, 3), np.nan), r"expected \[0, 1\], received nan"),
    ],
)
def test_what_is_not_a_colour_picture_in_0_to_1_is_refused(wrong, message):
    with pytest.raises(ValueError, match="second: .*" + message):
        picture_swd(np.zeros((9, 9, 3)), wrong, 1)


# Two sets.


def test_a_set_has_a_distance_for_each_side_down_to_16_and_their_mean():
    first, second = noise(3, 64, 64, 3), noise(4, 64, 64, 3, seed=1)

    found = set_swd(first, second)

    assert list(found) == ["64", "32", "16", "mean"]
    expected = np.mean([found["64"], found["32"], found["16"]])
    assert found["mean"] == pytest.approx(expected)
    assert found == set_swd(second, first)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((28, 28, 1), ["28"]), ((16, 40, 3), ["16"]), ((45, 64, 3), ["45", "23"])],
)
def test_levels_are_named_by_their_shorter_side(shape, sides):
    found = set_swd(noise(2, *shape), noise(2, *shape, seed=1))

    assert list(found) == [*sides, "mean"]


def test_equal_sets_have_distance_0_and_the_unit_of_pixels_does_not_matter():
    first, second = (
        (255 * noise(5, 16, 16, 3, seed=seed)).astype("uint8") for seed in (0, 1)
    )

    found = set_swd(first, second)

    assert set_swd(first, first) == {"16": 0, "mean": 0}
    assert found["16"] > 0
    scaled = set_swd(first / 127.5 - 1, second / 127.5 - 1)
    assert scaled["16"] == pytest.approx(found["16"], rel=1e-3)


def test_a_known_distance_is_a_thousand_times_that_of_its_normalised_patches():
    # Left half dark, right half light, against a quarter dark: after normalising, the
    # values are -1 and 1 (halves), or -sqrt(3) and 1 / sqrt(3) (quarter). A patch of
    # one value v in all 147 numbers lies at v s on a line, where s is the sum of the
    # direction, |s| = 0.798 on average. Quantiles: 1/4 of 0.732, 1/4 of 1.577, 1/2 of
    # 0.423 apart: 0.789.
    halves, quarter = (np.zeros((4, 16, 16, 3)) for _ in range(2))
    halves[2:], quarter[1:] = 1, 1

    found = set_swd(halves, quarter)

    assert found["16"] == pytest.approx(1000 * 0.789 * 0.798, rel=0.12)


def test_pictures_in_more_than_one_chunk_all_count():
    # 63 dark pictures and 3 light ones: the light ones lie at both sides of a chunk's
    # border of 64 pictures. The same set in another order is the same distribution.
    pictures = np.zeros((66, 16, 16, 1))
    pictures[63:] = 1

    assert set_swd(pictures, pictures[::-1])["16"] == pytest.approx(0, abs=1e-3)
    assert set_swd(pictures, pictures[:65])["16"] > 1


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((2, 16, 16, 3), (2, 32, 32, 3), "of one size"),
        ((0, 16, 16, 3), (2, 16, 16, 3), "of one size"),
        ((16, 16, 3), (16, 16, 3), "of one size"),
        ((2, 15, 40, 3), (2, 15, 40, 3), "16 pixels or more"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        set_swd(np.zeros(first), np.zeros(second))
