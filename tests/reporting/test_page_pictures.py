"""Pictures as data URIs: small ones as they are, large ones made smaller."""

import base64
import io

import pytest
from PIL import Image
from report_example import write_png

from cai_keras.reporting.page_pictures import read_picture


def decoded(picture) -> tuple[str, Image.Image]:
    head, _, data = picture.uri.partition(",")
    return head, Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_small_png_goes_in_as_it_is(tmp_path):
    path = write_png(tmp_path / "a.png", (8, 6))

    picture = read_picture(path, "a", "caption")

    data = base64.b64encode(path.read_bytes()).decode()
    assert picture.uri == f"data:image/png;base64,{data}"
    assert (picture.width, picture.height) == (8, 6)


def test_a_wide_picture_becomes_1200_pixels_wide_in_its_proportions(tmp_path):
    path = write_png(tmp_path / "a.png", (2400, 500), "blue")

    picture = read_picture(path, "a", "caption")

    head, image = decoded(picture)
    assert head == "data:image/webp;base64"
    assert image.size == (picture.width, picture.height) == (1200, 250)
    red, green, blue = image.convert("RGB").getpixel((600, 125))
    assert red < 10
    assert green < 10
    assert blue > 245


def test_a_tall_picture_fits_as_well(tmp_path):
    path = write_png(tmp_path / "a.png", (10, 20_000))

    picture = read_picture(path, "a", "caption")

    assert picture.height == 3000


def test_what_is_transparent_becomes_white(tmp_path):
    path = write_png(tmp_path / "a.png", (1300, 10), (0, 0, 0, 0), "RGBA")

    _, image = decoded(read_picture(path, "a", "caption"))

    assert image.convert("RGB").getpixel((600, 5)) == (255, 255, 255)


@pytest.mark.parametrize("cut", [0, 20, 60])
def test_a_damaged_picture_is_an_error_that_names_it(tmp_path, cut):
    path = write_png(tmp_path / "a.png", (50, 50))
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ValueError, match=r"a\.png: not a readable picture"):
        read_picture(path, "a", "caption")
