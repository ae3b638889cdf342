"""Figures as PNG and SVG: readable, and the same bytes for the same data."""

import io
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from cai_keras.reporting.pictures import FORMATS, picture_bytes, png_bytes
from cai_keras.reporting.style import figure_style

_TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture
def figure():
    with figure_style():
        drawn, axis = plt.subplots(figsize=(2, 1))
        axis.plot([0, 1], [0, 1])
    yield drawn
    plt.close("all")


def test_a_figure_becomes_a_png_that_pillow_reads(figure):
    with Image.open(io.BytesIO(png_bytes(figure))) as image:
        image.load()

    # 2 x 1 inches at 150 dots per inch, give or take the tight border.
    assert image.format == "PNG"
    assert image.width == pytest.approx(300, rel=0.2)
    assert image.height == pytest.approx(150, rel=0.2)


def test_a_figure_is_closed_after_drawing(figure):
    png_bytes(figure)

    assert plt.get_fignums() == []


def test_svg_keeps_text_as_text_and_closes_the_figure(figure):
    figure.axes[0].set_xlabel("steps & <pairs>")

    svg = picture_bytes(figure, ["svg"])["svg"].decode()

    texts = [element.text for element in ElementTree.fromstring(svg).iter(_TEXT)]
    assert "steps & <pairs>" in texts
    assert plt.get_fignums() == []


def test_a_figure_drawn_again_gives_the_same_bytes():
    def draw():
        with figure_style():
            drawn, axes = plt.subplots(1, 2, figsize=(2, 1))
            axes[0].plot([0, 1], [0, 1], marker="o")
            axes[1].imshow([[0, 1], [2, 3]])  # clip paths and images have ids
        return drawn

    first = picture_bytes(draw(), FORMATS)

    assert picture_bytes(draw(), FORMATS) == first
    assert first.keys() == {"png", "svg"}


def test_a_figure_that_cannot_be_written_is_closed_too(figure):
    figure.axes[0].set_title("$unbalanced {$")

    with pytest.raises(ValueError, match="unbalanced"):
        picture_bytes(figure, ["png"])

    assert plt.get_fignums() == []
