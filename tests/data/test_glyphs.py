"""Glyphs: deterministic, binary, and with alphabets, characters and drawers apart."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.data.builders.glyphs import (
    NUM_CHARACTERS,
    NUM_DRAWERS,
    SIDE,
    SPLITS,
    draw,
    make_alphabet,
)
from cai_keras.data.source import open_embedded, read_split
from cai_keras.data.spec import DataSpec


@pytest.fixture(scope="module")
def stored():
    """Split -> list of all its examples, in stored order."""
    builder = open_embedded(DataSpec("embedded", "glyphs"))
    return {s: list(tfds.as_numpy(read_split(builder, s))) for s in SPLITS}


def drawings_of(alphabet, drawer):
    return np.stack(
        [
            draw(strokes, (alphabet, character, drawer))
            for character, strokes in enumerate(make_alphabet(alphabet), start=1)
        ]
    )


@pytest.mark.parametrize("alphabet", [0, 7, 29])
def test_a_drawing_is_a_function_of_alphabet_character_and_drawer(alphabet):
    np.testing.assert_array_equal(drawings_of(alphabet, 3), drawings_of(alphabet, 3))


def test_a_drawing_does_not_depend_on_what_was_drawn_before():
    strokes = make_alphabet(4)[6]
    first = draw(strokes, (4, 7, 2))
    draw(make_alphabet(9)[0], (9, 1, 1))

    np.testing.assert_array_equal(draw(strokes, (4, 7, 2)), first)


def test_an_alphabet_has_twenty_characters_of_two_to_four_strokes():
    alphabet = make_alphabet(0)

    assert len(alphabet) == 20
    assert {strokes.shape[1:] for strokes in alphabet} == {(4, 2)}
    assert {len(strokes) for strokes in alphabet} <= {2, 3, 4}


def test_the_characters_of_an_alphabet_differ():
    # The same drawer, so that only the character can make the difference.
    images = drawings_of(5, 1)

    assert len({image.tobytes() for image in images}) == 20


def test_two_drawers_draw_every_character_differently():
    first, second = drawings_of(5, 1), drawings_of(5, 2)

    assert (first != second).any(axis=(1, 2, 3)).all()


def test_two_alphabets_have_different_characters():
    first, second = make_alphabet(1), make_alphabet(2)

    assert not any(
        a.shape == b.shape and np.allclose(a, b) for a in first for b in second
    )


def test_the_splits_have_400_drawings_for_each_of_20_and_10_alphabets(stored):
    assert {split: len(rows) for split, rows in stored.items()} == {
        "train": 20 * NUM_CHARACTERS * NUM_DRAWERS,
        "test": 10 * NUM_CHARACTERS * NUM_DRAWERS,
    }


def test_no_alphabet_is_in_two_splits(stored):
    names = {s: {row["alphabet"] for row in rows} for s, rows in stored.items()}

    assert len(names["train"]) == 20
    assert len(names["test"]) == 10
    assert names["train"].isdisjoint(names["test"])


def test_every_alphabet_has_each_character_once_by_each_drawer(stored):
    rows = stored["train"] + stored["test"]
    found = {(row["alphabet"], row["character"], row["drawer"]) for row in rows}

    assert len(found) == 30 * 20 * 20
    assert {character for _, character, _ in found} == set(range(1, 21))
    assert {drawer for _, _, drawer in found} == set(range(1, 21))


def test_every_image_is_ink_on_paper_and_nothing_else(stored):
    images = np.stack([row["image"] for row in stored["train"] + stored["test"]])

    assert images.shape[1:] == (SIDE, SIDE, 1)
    assert images.dtype == np.uint8
    assert np.isin(images, (0, 255)).all()
    # A stroke is 3 pixels wide and longer than 10.
    ink = (images == 0).sum(axis=(1, 2, 3))
    assert ink.min() >= 30
    # Less ink than paper: 0 is the ink.
    assert ink.max() < SIDE * SIDE / 2


def test_what_is_stored_is_what_is_drawn(stored):
    row = stored["test"][400 + 20 * 6 + 2]  # the second alphabet, character 7, drawer 3

    assert (row["alphabet"], row["character"], row["drawer"]) == (b"alphabet21", 7, 3)
    np.testing.assert_array_equal(row["image"], draw(make_alphabet(21)[6], (21, 7, 3)))
