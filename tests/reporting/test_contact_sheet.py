"""Contact sheets: what each colouring makes of known numbers, and where it is drawn."""

import numpy as np
import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.contact_sheet import COLOURINGS, draw_contact_sheet
from cai_keras.reporting.pictures import picture_bytes


def coloured(name, *images):
    pictures, note = COLOURINGS[name](list(images))
    return pictures, note


def pixel(*channels, dtype=np.float64):
    return np.array([[channels]], dtype)


def test_pictures_are_shown_as_they_are():
    (picture,), note = coloured("picture", pixel(1, 2, 255, dtype=np.uint8))

    assert picture.tolist() == [[[1, 2, 255]]]
    assert note == ""


def test_linear_light_is_brightened_to_its_brightest():
    pictures, _ = coloured("linear", pixel(0.25, 0.5, 0), pixel(0, 0, 0.5))

    # Over 0.5, to the power 1 / 2.2: 0.5 gives 0.7297.
    np.testing.assert_allclose(pictures[0][0, 0], [0.7297, 1, 0], atol=1e-4)
    np.testing.assert_allclose(pictures[1][0, 0], [0, 0, 1])


def test_greys_span_the_range_of_all_examples():
    pictures, note = coloured("grey", pixel(2.0), pixel(3.0), pixel(4.0))

    assert [picture[0, 0].tolist() for picture in pictures] == [
        [0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1],
    ]  # fmt: skip
    assert note == "2 to 4"


def test_a_constant_map_is_drawn():
    (picture,), note = coloured("range", pixel(7.0))

    assert np.isfinite(picture).all()
    assert note == "7 to 7"


def test_directions_to_the_right_are_red_up_green_and_towards_us_blue():
    pictures, _ = coloured(
        "direction", pixel(1, 0, 0), pixel(0, -1, 0), pixel(0, 0, -1)
    )

    assert [picture[0, 0].tolist() for picture in pictures] == [
        [1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1],
    ]  # fmt: skip


def test_labels_have_colours_of_their_own_and_0_is_dark():
    labels = np.arange(21, dtype=np.uint8).reshape(3, 7, 1)

    (picture,), _ = coloured("labels", labels)

    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 21
    assert picture[0, 0].max() < 0.2


def test_pairs_are_red_and_green():
    pictures, note = coloured("pair", pixel(2, 2), pixel(4, 0))

    assert [picture[0, 0].tolist() for picture in pictures] == [
        [0.5, 0.5, 0],
        [1, 0, 0],
    ]
    assert note == "0 to 4"


def test_a_sheet_has_a_row_for_each_feature_and_a_column_for_each_example():
    features = {
        f"feature{number}": [np.full((4, 4, 1), n, np.uint8) for n in range(3)]
        for number in range(12)
    }

    figure = draw_contact_sheet(features, {}, ["a", "b", "c"])

    (axes,) = figure.axes
    assert len(axes.images) == 36
    corners = {tuple(image.get_extent()) for image in axes.images}
    assert len(corners) == 36  # none over another
    texts = [text.get_text() for text in axes.texts]
    assert all(name in texts for name in features)
    # Two blocks, each with the captions over its first row.
    assert [texts.count(caption) for caption in "abc"] == [2, 2, 2]
    (right, left), (bottom, top) = axes.get_xlim()[::-1], axes.get_ylim()
    for x0, x1, y1, y0 in corners:
        assert left <= x0 < x1 <= right
        assert top <= y0 < y1 <= bottom
    assert picture_bytes(figure, ["png"])["png"].startswith(b"\x89PNG")


def test_an_unknown_colouring_is_named():
    with pytest.raises(UsageError, match="did you mean 'range'"):
        draw_contact_sheet({"depth": [np.ones((2, 2, 1))]}, {"depth": "rang"})
