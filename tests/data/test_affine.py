"""Affine distortions: exact on the pixel grid, and within their ranges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.data.affine import IDENTITY, AffineRanges, apply_affine, sample_affine

NO_CHANGE = {
    "rotation_degrees": 0.0,
    "shear": 0.0,
    "scale": (1.0, 1.0),
    "translation": 0.0,
    "probability": 1.0,
}
PAPER = AffineRanges(10.0, 0.3, (0.8, 1.2), 0.019, 0.5)


def random_images(count, side, channels=1):
    rng = np.random.default_rng(0)
    return rng.random((count, side, side, channels), np.float32)


def distort(images, linear, offset=(0.0, 0.0)):
    """Applies one transform, given by hand, to every image."""
    transform = np.concatenate([linear, np.reshape(offset, (2, 1))], axis=1)
    transforms = np.repeat(transform[None], len(images), axis=0)
    return apply_affine(images, transforms.astype(np.float32)).numpy()


def draw(count=4000, seed=0, **ranges):
    rng = np.random.default_rng(seed)
    return sample_affine(AffineRanges(**{**NO_CHANGE, **ranges}), count, rng)


@pytest.mark.parametrize("side", [4, 5, 35])
def test_the_identity_changes_nothing(side):
    images = random_images(3, side, channels=2)

    distorted = apply_affine(images, np.repeat(IDENTITY[None], 3, axis=0))

    np.testing.assert_array_equal(distorted, images)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 2), (-3, 1), (2, -2)])
def test_a_translation_by_whole_pixels_moves_them_exactly(right, down):
    images = random_images(2, 9)
    # Nine pixels: half a side is 4 pixels from centre to centre. The transform leads
    # from the distorted image to the original, so its sign is the opposite.
    distorted = distort(images, np.eye(2), (-right / 4, -down / 4))

    expected = np.zeros_like(images)
    kept = (
        slice(max(0, -down), 9 - max(0, down)),
        slice(max(0, -right), 9 - max(0, right)),
    )
    moved = (
        slice(max(0, down), 9 - max(0, -down)),
        slice(max(0, right), 9 - max(0, -right)),
    )
    expected[:, moved[0], moved[1]] = images[:, kept[0], kept[1]]
    np.testing.assert_allclose(distorted, expected, atol=1e-6)


def test_a_quarter_turn_is_that_of_numpy():
    images = random_images(2, 7)
    # (x', y') = (-y, x), y pointing down: pixel (row i, column j) comes from
    # (row j, column 6 - i), which is np.rot90.
    distorted = distort(images, [[0, -1], [1, 0]])

    np.testing.assert_allclose(distorted, np.rot90(images, axes=(1, 2)), atol=1e-5)


def test_a_half_turn_at_an_even_side_is_that_of_numpy():
    images = random_images(2, 6)

    distorted = distort(images, [[-1, 0], [0, -1]])

    np.testing.assert_allclose(distorted, np.rot90(images, 2, axes=(1, 2)), atol=1e-5)


def test_a_scale_of_two_magnifies_about_the_centre():
    images = random_images(2, 5)
    # x' = x / 2: rows 0..4 come from rows 1, 1.5, 2, 2.5, 3.
    distorted = distort(images, np.eye(2) / 2)

    inner = images[:, 1:4, 1:4]
    np.testing.assert_allclose(distorted[:, ::2, ::2], inner, atol=1e-6)
    between = (inner[:, :-1] + inner[:, 1:]) / 2
    np.testing.assert_allclose(distorted[:, 1::2, ::2], between, atol=1e-6)


def test_what_comes_from_outside_is_background():
    images = np.ones((1, 5, 5, 1), np.float32)
    # x' = 2x: rows 0..4 come from -2, 0, 2, 4, 6.
    distorted = distort(images, np.eye(2) * 2)

    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = 1
    np.testing.assert_array_equal(distorted[0, ..., 0], expected)


def test_every_image_gets_its_own_transform():
    images = random_images(2, 5)
    turn = np.array([[-1, 0, 0], [0, -1, 0]], np.float32)

    distorted = apply_affine(images, np.stack([IDENTITY, turn])).numpy()

    np.testing.assert_allclose(distorted[0], images[0], atol=1e-6)
    np.testing.assert_allclose(distorted[1], np.rot90(images[1], 2), atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_transforms_have_one_matrix_of_two_rows_each(count):
    transforms = sample_affine(PAPER, count, np.random.default_rng(0))

    assert transforms.shape == (count, 2, 3)
    assert transforms.dtype == np.float32


def test_the_same_generator_gives_the_same_transforms():
    first = sample_affine(PAPER, 10, np.random.default_rng(3))
    again = sample_affine(PAPER, 10, np.random.default_rng(3))
    other = sample_affine(PAPER, 10, np.random.default_rng(4))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0, 180),
    st.floats(0, 1),
    st.floats(0.2, 1),
    st.floats(1, 3),
    st.floats(0, 1),
)
def test_with_probability_zero_all_are_identities(rotation, shear, low, high, shift):
    ranges = AffineRanges(rotation, shear, (low, high), shift, probability=0.0)

    transforms = sample_affine(ranges, 20, np.random.default_rng(0))

    np.testing.assert_array_equal(transforms, np.repeat(IDENTITY[None], 20, axis=0))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 90), st.integers(0, 100))
def test_rotations_are_proper_and_within_their_range(degrees, seed):
    transforms = draw(200, seed, rotation_degrees=degrees)
    linear = transforms[..., :2]

    gram = linear @ linear.transpose(0, 2, 1)
    np.testing.assert_allclose(gram, np.repeat(np.eye(2)[None], 200, 0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-6)
    angles = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert np.abs(angles).max() <= degrees + 1e-4
    # 200 uniform draws: one beyond half the range on either side, but for 2 ** -200.
    assert angles.max() > 0.5 * degrees
    assert angles.min() < -0.5 * degrees
    np.testing.assert_array_equal(transforms[..., 2], 0)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 0.9), st.integers(0, 100))
def test_shears_are_within_their_range_and_independent(shear, seed):
    linear = draw(200, seed, shear=shear)[..., :2]

    np.testing.assert_allclose(linear[:, [0, 1], [0, 1]], 1, atol=1e-6)
    x, y = linear[:, 0, 1], linear[:, 1, 0]
    assert max(np.abs(x).max(), np.abs(y).max()) <= shear + 1e-6
    assert np.abs(x - y).max() > 0.1 * shear


@settings(max_examples=25, deadline=None)
@given(st.floats(0.3, 0.95), st.floats(1.05, 2), st.integers(0, 100))
def test_scales_magnify_within_their_range_and_independently(low, high, seed):
    linear = draw(200, seed, scale=(low, high))[..., :2]

    np.testing.assert_array_equal(linear[:, [0, 1], [1, 0]], 0)
    # A drawing grows by s where coordinates are divided by s.
    x, y = 1 / linear[:, 0, 0], 1 / linear[:, 1, 1]
    assert min(x.min(), y.min()) >= low - 1e-5
    assert max(x.max(), y.max()) <= high + 1e-5
    assert np.abs(x - y).max() > 0.1 * (high - low)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 0.5), st.integers(0, 100))
def test_translations_are_within_their_share_of_the_side(share, seed):
    transforms = draw(200, seed, translation=share)

    np.testing.assert_array_equal(
        transforms[..., :2], np.repeat(np.eye(2)[None], 200, 0)
    )
    # Offsets are in half sides.
    x, y = transforms[..., 2].T / 2
    assert max(np.abs(x).max(), np.abs(y).max()) <= share + 1e-6
    assert max(np.abs(x).max(), np.abs(y).max()) > 0.5 * share
    assert np.abs(x - y).max() > 0.1 * share


def test_a_component_is_applied_to_half_of_the_images_at_probability_one_half():
    # 4,000 draws: the standard deviation of the share is sqrt(.25 / 4000) = 0.008;
    # the bounds are 5 of them.
    rotated = draw(probability=0.5, rotation_degrees=10.0)[:, 0, 1] != 0
    sheared = draw(probability=0.5, shear=0.3)
    scaled = draw(probability=0.5, scale=(0.8, 1.2))
    shifted = draw(probability=0.5, translation=0.1)

    applied = np.stack(
        [
            rotated,
            sheared[:, 0, 1] != 0,
            sheared[:, 1, 0] != 0,
            scaled[:, 0, 0] != 1,
            scaled[:, 1, 1] != 1,
            shifted[:, 0, 2] != 0,
            shifted[:, 1, 2] != 0,
        ]
    )

    np.testing.assert_allclose(applied.mean(axis=1), 0.5, atol=0.04)


def test_components_are_applied_independently_of_one_another():
    # With probability 1/2 each, 1/128 of 20,000 transforms are identities:
    # 156.25 with standard deviation 12.4; the bounds are 5 of them.
    transforms = sample_affine(PAPER, 20_000, np.random.default_rng(0))

    identities = (transforms == IDENTITY).all(axis=(1, 2)).sum()

    assert 94 <= identities <= 218
