"""Pictures of any kind come in as RGB in [0, 1], and bad ones are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cai_keras.data.picture_files import (
    check_writable,
    find_pictures,
    fit_longer_side,
    middle_square,
    picture_bytes,
    read_picture,
    resize_picture,
)
from cai_keras.errors import DataError, UsageError


def saved(path, image, **options):
    image.save(path, **options)
    return path


def test_colours_are_divided_by_255(tmp_path):
    image = Image.new("RGB", (3, 2), (255, 51, 0))
    picture = read_picture(saved(tmp_path / "a.png", image))
    assert picture.shape == (2, 3, 3)
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture[1, 2], [1.0, 0.2, 0.0], rtol=1e-6)


def test_grey_becomes_three_equal_channels(tmp_path):
    picture = read_picture(saved(tmp_path / "a.png", Image.new("L", (2, 2), 102)))
    np.testing.assert_allclose(picture, np.full((2, 2, 3), 0.4), rtol=1e-6)


def test_sixteen_bits_keep_their_scale(tmp_path):
    values = np.array([[0, 65535], [32768, 6553]], np.uint16)
    picture = read_picture(saved(tmp_path / "a.png", Image.fromarray(values)))
    np.testing.assert_allclose(picture[..., 1], values / 65535, atol=1e-6)


def test_transparent_parts_are_seen_before_white(tmp_path):
    image = Image.new("RGBA", (1, 2), (0, 0, 0, 0))
    image.putpixel((0, 1), (255, 0, 0, 128))
    picture = read_picture(saved(tmp_path / "a.png", image))
    np.testing.assert_array_equal(picture[0, 0], [1, 1, 1])
    # 128/255 red before white: 1, and 1 - 128/255 of the white in the others.
    np.testing.assert_allclose(picture[1, 0], [1, 127 / 255, 127 / 255], atol=1 / 255)


def test_a_palette_with_a_transparent_colour_is_seen_before_white(tmp_path):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    picture = read_picture(saved(tmp_path / "a.png", image, transparency=0))
    np.testing.assert_array_equal(picture, [[[1, 1, 1], [0, 1, 0]]])


def test_inks_become_light(tmp_path):
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))  # cyan ink
    picture = read_picture(saved(tmp_path / "a.jpg", image))
    assert picture[..., 0].max() < 0.2
    assert picture[..., 1:].min() > 0.5


def test_the_orientation_of_the_camera_is_applied(tmp_path):
    image = Image.new("RGB", (2, 1), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the file's left is the picture's top
    picture = read_picture(saved(tmp_path / "a.png", image, exif=exif))
    assert picture.shape == (2, 1, 3)
    assert picture[0, 0, 0] == 1
    assert picture[1, 0, 0] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "not a picture that can be read"),
        (b"hello", "not a picture that can be read"),
        ("cut", "damaged or not a picture"),
    ],
)
def test_a_bad_picture_is_named(tmp_path, content, message):
    path = tmp_path / "bad.jpg"
    if content == "cut":
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        saved(path, Image.fromarray(noise))
        content = path.read_bytes()[:900]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(DataError, match="damaged or not a picture"):
        read_picture(tmp_path)


def test_floats_without_a_range_are_refused(tmp_path):
    image = Image.fromarray(np.ones((2, 2), np.float32))
    with pytest.raises(DataError, match="no known range"):
        read_picture(saved(tmp_path / "a.tiff", image))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_what_was_written_is_read_again(tmp_path, suffix):
    ramp = np.linspace(-0.2, 1.2, 32, dtype=np.float32)
    picture = np.broadcast_to(ramp[None, :, None], (24, 32, 3))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(picture_bytes(picture, suffix))
    tolerance = 0.5 / 255 + 1e-6 if suffix == ".png" else 0.03
    np.testing.assert_allclose(
        read_picture(path), np.clip(picture, 0, 1), atol=tolerance
    )


@pytest.mark.parametrize("name", ["a.gif", "a", ".gif", "folder.png/a"])
def test_other_formats_are_refused_before_any_work(name):
    with pytest.raises(UsageError, match="cannot write"):
        check_writable(name)


def test_pictures_of_a_folder_are_found_by_name(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "c.webp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deep.png").mkdir()
    found = [path.name for path in find_pictures(tmp_path)]
    assert found == ["a.png", "b.JPG", "c.webp"]


def test_shrinking_averages_what_a_pixel_covers():
    # Stripes of one pixel: without averaging the small picture would be all black.
    picture = np.zeros((32, 32, 3), np.float32)
    picture[:, ::4] = 1
    small = resize_picture(picture, 8, 8)
    np.testing.assert_allclose(small[2:-2, 2:-2], 1 / 4, atol=0.01)


def test_a_picture_of_that_size_stays_as_it_is():
    picture = np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(resize_picture(picture, 5, 7), picture)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 64))
def test_the_longer_side_is_as_asked(height, width, side):
    fitted = fit_longer_side(np.full((height, width, 3), 0.5, np.float32), side)
    assert max(fitted.shape[:2]) == side
    np.testing.assert_allclose(fitted, 0.5, atol=1e-5)
    exact = min(height, width) * side / max(height, width)
    assert abs(min(fitted.shape[:2]) - exact) <= 0.5 + 1e-9 or exact < 1


def test_the_middle_of_a_wide_picture_is_cut_out():
    picture = np.zeros((4, 8, 3), np.float32)
    picture[:, 2:6] = 1
    np.testing.assert_array_equal(middle_square(picture, 4), np.ones((4, 4, 3)))
