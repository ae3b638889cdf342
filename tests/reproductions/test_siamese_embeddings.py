"""The characters that TensorBoard's projector shows of a Siamese network."""

import numpy as np
import pytest

from reproductions.siamese_one_shot import data, evaluate


class FirstPixel:
    """A scorer whose embedding is the first pixel."""

    def embed(self, images):
        return images[:, 0, :1].astype(np.float32)


def _drawings(sizes) -> data.Drawings:
    """Alphabets a, b, ... of these sizes; each character has a grey level."""
    count = sum(sizes)
    images = np.zeros((count, 20, 2, 2), np.uint8)
    images[:] = np.arange(count)[:, None, None, None]
    alphabets = np.repeat(np.arange(len(sizes)), sizes)
    return data.Drawings(images, alphabets, tuple("abcdefgh"[: len(sizes)]))


def test_every_drawing_of_a_character_has_its_name_and_picture():
    found = evaluate.embed_characters(FirstPixel(), _drawings([2, 1]))

    # Two characters of a and one of b, 20 drawings each.
    assert found.vectors[:, 0].tolist() == [0] * 20 + [1] * 20 + [2] * 20
    names = ["a 1"] * 20 + ["a 2"] * 20 + ["b 1"] * 20
    assert found.metadata["character"] == names
    assert found.metadata["alphabet"] == ["a"] * 40 + ["b"] * 20
    # Ink, 255, is drawn black.
    np.testing.assert_array_equal(found.thumbnails[:, 1, 1], 255 - found.vectors[:, 0])


def test_of_many_characters_some_of_all_alphabets_are_shown():
    found = evaluate.embed_characters(FirstPixel(), _drawings([55, 45, 23]))

    assert len(found.vectors) == 30 * 20
    assert set(found.metadata["alphabet"]) == {"a", "b", "c"}
    assert found.metadata["character"][0] == "a 1"
    assert found.metadata["character"][-1] == "c 23"  # the last one of all


@pytest.mark.parametrize("sizes", [[1], [7, 9, 14], [15, 16]])
def test_no_character_is_shown_twice(sizes):
    found = evaluate.embed_characters(FirstPixel(), _drawings(sizes))

    names = found.metadata["character"][::20]
    assert len(set(names)) == len(names) == min(30, sum(sizes))
