"""How pictures are resized, by hand, against Pillow and against TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cai_keras.errors import UsageError
from cai_keras.generation.resizing import RESIZINGS, resize_pictures

PICTURES = np.random.default_rng(0).uniform(0, 255, (2, 7, 10, 3)).astype("float32")


def line(values):
    return np.float32(values).reshape(1, 1, -1, 1)


def resized(values, width, resizing):
    return resize_pictures(line(values), 1, width, resizing).ravel().tolist()


def test_tensorflow_1_starts_at_the_first_pixel_and_repeats_the_last():
    # Output i looks at position i / 2: 0, 0.5, 1, 1.5. Nothing is behind pixel 1.
    assert resized([0, 8], 4, "tf1_bilinear") == [0, 4, 8, 8]


def test_tensorflow_1_drops_pixels_of_a_smaller_picture():
    # Positions 0 and 3 of 6: pixels 1, 2, 4 and 5 are not seen.
    assert resized([3, 9, 9, 5, 9, 9], 2, "tf1_bilinear") == [3, 5]


def test_tensorflow_1_reads_rows_as_columns():
    across = resize_pictures(PICTURES, 7, 23, "tf1_bilinear")
    turned = resize_pictures(PICTURES.transpose(0, 2, 1, 3), 23, 7, "tf1_bilinear")

    np.testing.assert_array_equal(across, turned.transpose(0, 2, 1, 3))


@pytest.mark.parametrize("size", [(299, 299), (5, 20), (7, 10), (3, 4), (1, 1)])
def test_the_kernel_that_tensorflow_still_has_gives_the_same(size):
    kernel = tf.raw_ops.ResizeBilinear(
        images=PICTURES, size=size, align_corners=False, half_pixel_centers=False
    )

    found = resize_pictures(PICTURES, *size, "tf1_bilinear")

    np.testing.assert_allclose(found, kernel.numpy(), rtol=1e-6, atol=1e-4)


def test_clean_bicubic_averages_what_a_pixel_covers():
    # A picture of four equal pixels stays so; stripes of one pixel become their mean.
    stripes = np.tile([0.0, 255.0], 32)

    (middle,) = resized(stripes, 8, "clean_bicubic")[3:4]

    assert middle == pytest.approx(127.5, abs=1)
    assert resized([7, 7, 7, 7], 2, "clean_bicubic") == [7, 7]


@pytest.mark.parametrize("size", [(299, 299), (5, 20), (3, 4)])
def test_clean_bicubic_is_pillow_s_for_each_channel_clipped_but_not_rounded(size):
    found = resize_pictures(PICTURES, *size, "clean_bicubic")

    for picture, ours in zip(PICTURES, found, strict=True):
        for channel in range(3):
            image = Image.fromarray(picture[..., channel])
            theirs = image.resize(size[::-1], Image.Resampling.BICUBIC)
            expected = np.clip(np.asarray(theirs), 0, 255)
            np.testing.assert_array_equal(ours[..., channel], expected)
    assert np.any(found != np.round(found))


def test_an_edge_does_not_overshoot():
    (*_, before, after, last, _) = resized([0, 0, 255, 255], 8, "clean_bicubic")

    # Behind the edge a quarter of a pixel from one centre and three from the next, and
    # 1.25 from a black one: bicubic (a = -1/2) has weights 111/128, 29/128, -9/128, in
    # all 131/128, and alone gives 255 * 140 / 131 = 272.5.
    assert 0 < before < 255
    assert after == last == 255


@pytest.mark.parametrize("resizing", RESIZINGS)
def test_pictures_of_the_size_stay_as_they_are(resizing):
    found = resize_pictures(PICTURES, 7, 10, resizing)

    np.testing.assert_array_equal(found, PICTURES)
    assert found.dtype == np.float32


def test_none_refuses_another_size_and_unknown_names_get_the_nearest():
    with pytest.raises(UsageError, match=r"none: expected .* 8 x 8, found 7 x 10; say"):
        resize_pictures(PICTURES, 8, 8, "none")
    with pytest.raises(UsageError, match="did you mean 'clean_bicubic'"):
        resize_pictures(PICTURES, 8, 8, "clean_bicubical")
    with pytest.raises(
        ValueError, match=r"pictures: expected .* received \(7, 10, 3\)"
    ):
        resize_pictures(PICTURES[0], 8, 8, "none")
