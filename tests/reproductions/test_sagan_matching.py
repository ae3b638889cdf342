"""Two squares in opposite corners: labels read from pixels, and who can see both."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data.row_random import RowRandom
from cai_keras.errors import UsageError
from cai_keras.layers.self_attention2d import SelfAttention2D
from cai_keras.networks.receptive_field import receptive_fields
from reproductions.sagan import matching
from reproductions.sagan.data import load_pictures, problems_of
from reproductions.sagan.model import LOCAL_LOGITS, build_classifier

PAPER = find_paper("sagan")


@pytest.fixture(scope="module")
def tested():
    return matching.test_set(matching.noise(32), 300)


def squares_of(picture):
    """(colour, first row, first column) of both squares; the ground is grey."""
    found = []
    for number, colour in enumerate(matching.COLOURS.astype(int)):
        rows, columns = np.nonzero((picture == colour).all(axis=-1))
        for part in (rows < 16, rows >= 16):
            if part.any():
                found.append((number, rows[part].min(), columns[part].min()))
                assert part.sum() == 36
    return found


def test_the_label_says_whether_both_squares_have_one_colour(tested):
    for picture, label in zip(tested.images, tested.labels, strict=True):
        (first, *_), (second, *_) = squares_of(picture.astype(int))
        assert label == (first == second)


def test_squares_are_in_opposite_corners_14_pixels_or_more_apart(tested):
    diagonals = set()
    for picture in tested.images:
        squares = sorted(squares_of(picture.astype(int)), key=lambda s: s[1])
        (_, top, left), (_, bottom, right) = squares
        assert bottom - (top + 6) >= 14
        assert abs(right - left) - 6 >= 14
        diagonals.add(left < right)
    assert diagonals == {True, False}


def test_both_labels_and_all_colours_are_as_frequent(tested):
    # 300 throws of a coin: deviation sqrt(300) / 2 = 8.7; the bounds are 5 of them.
    assert 107 <= tested.labels.sum() <= 193
    colours = [square[0] for x in tested.images for square in squares_of(x.astype(int))]
    # 600 throws of a die, in pairs: 100 each, deviation below sqrt(2 x 83) = 13.
    assert np.bincount(colours, minlength=6).min() > 35


def test_an_example_depends_on_its_row_alone():
    step = tf.constant(3, tf.int64)

    def drawn(rows):
        random = RowRandom(5, step, tf.constant(rows, tf.int64), 6)
        return matching.draw(random, matching.noise(32)(random))

    (whole, labels), (part, part_labels) = drawn(range(6)), drawn([4, 1])

    np.testing.assert_array_equal(part, whole.numpy()[[4, 1]])
    np.testing.assert_array_equal(part_labels, labels.numpy()[[4, 1]])


def test_no_position_of_the_residual_network_sees_both_squares():
    # conv1 with stride 2: 3; conv2: 3 + 2 x 2 = 7; two more of the block: 15. Squares
    # are 14 pixels apart: who sees both sees 16.
    network = build_classifier(PAPER.recipe("small", "matching_residual"))
    upto = network.get_layer(LOCAL_LOGITS).output

    fields = receptive_fields(type(network)(network.input, upto))

    assert fields[LOCAL_LOGITS].size == 15


def test_attention_and_its_control_have_as_many_weights():
    # Of 72 channels attention has 1.25 x 72^2 + 1 = 6481, two 3x3 convolutions with 5
    # in between 2 x 9 x 72 x 5 = 6480.
    counts = {
        name: build_classifier(PAPER.recipe("small", f"matching_{name}")).count_params()
        for name in ("attention", "residual")
    }

    assert counts["attention"] - counts["residual"] == 1


def test_the_classifier_starts_as_one_without_attention():
    network = build_classifier(PAPER.recipe("smoke", "matching_attention"))
    layer = next(x for x in network.layers if isinstance(x, SelfAttention2D))
    maps = np.random.default_rng(0).normal(size=(2, 16, 16, 8)).astype("float32")

    np.testing.assert_array_equal(layer(maps), maps)


def test_at_paper_scale_squares_lie_before_pictures_of_the_data_set():
    recipe = PAPER.recipe("paper", "matching_attention")
    with tfds.testing.mock_data(num_examples=8):
        pictures = load_pictures(recipe, 0)
        batch = next(pictures.batches(0).as_numpy_iterator())
        tested = pictures.test(5)

    assert pictures.info.name == "cifar10"
    assert batch["image"].shape == (64, 32, 32, 3)
    assert -1 <= batch["image"].min() < batch["image"].max() <= 1
    assert set(batch["label"]) == {0, 1}
    assert tested.images.shape == (5, 32, 32, 3)


def test_other_sizes_and_classes_are_refused_in_one_line():
    small = PAPER.recipe("smoke", "matching_residual", data="embedded:digits")
    with pytest.raises(UsageError, match="squares need pictures of 32 x 32 x 3"):
        load_pictures(small, 0)
    wrong = PAPER.recipe("smoke", "matching_residual", sets=["data.classes=3"])
    with pytest.raises(
        UsageError, match=r"data\.classes: 3, but embedded:two_squares has 2"
    ):
        load_pictures(wrong, 0)


def test_the_squares_need_no_data():
    assert problems_of("embedded:two_squares") == []
