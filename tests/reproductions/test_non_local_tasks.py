"""Glyph pairs and moving dots: labels read from the pixels, one example by row."""

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from reproductions.non_local import data
from reproductions.non_local.long_range import GLYPHS, glyph_pairs, moving_dots

PAPER = find_paper("non_local")
TASKS = {"glyphs": glyph_pairs(1, 32, 2), "dots": moving_dots(8, 16, 2)}


@pytest.fixture(scope="module")
def pairs():
    return TASKS["glyphs"].test_set(400)


@pytest.fixture(scope="module")
def dots():
    return TASKS["dots"].test_set(900)


def find_glyphs(picture):
    """(number, row, column) of both glyphs; ink is at least 0.8, noise below 0.2."""
    ink = np.pad(picture[..., 0] > 0.5, 1)
    framed = np.pad(GLYPHS.astype(bool), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(ink, (7, 7))
    matches = (windows[:, :, None] == framed).all(axis=(3, 4))
    return [(number, row, column) for row, column, number in np.argwhere(matches)]


def test_glyphs_differ_and_fill_their_rows_and_columns():
    assert len({glyph.tobytes() for glyph in GLYPHS}) == 8
    assert GLYPHS.shape == (8, 5, 5)


def test_the_label_says_whether_the_two_glyphs_are_the_same(pairs):
    clips, labels = pairs
    for picture, label in zip(clips[:60], labels[:60], strict=True):
        (first, *_), (second, *_) = find_glyphs(picture)
        assert label == (first == second)


def test_no_three_strided_convolutions_see_both_glyphs(pairs):
    # The field of one position: 3, then 3 + 2 * 2 = 7, then 7 + 4 * 2 = 15 pixels.
    for picture in pairs[0][:60]:
        (_, *first), (_, *second) = find_glyphs(picture)
        gap = max(abs(a - b) - 5 for a, b in zip(first, second, strict=True))
        assert gap >= 16


def test_both_labels_are_equally_frequent(pairs):
    # 400 throws of a coin: standard deviation 10; the bounds are 5 of them.
    assert 150 <= pairs[1].sum() <= 250


def dots_of(video):
    """(frame, row, column, direction) of the head of every dot, frame by frame.

    A head is the only kind of pixel at full brightness, and the tail, 0.7 bright at
    1.5 pixels, makes the pixel behind it the brightest of its four neighbours.
    """
    light = np.pad(video[..., 0], ((0, 0), (1, 1), (1, 1)))
    found = []
    for t, row, column in np.argwhere(light == 1.0):
        around = [light[t, row + y, column + x] for y, x in FORWARD]
        found.append((t, row - 1, column - 1, (int(np.argmax(around)) + 2) % 4))
    return found


# Right, down, left, up.
FORWARD = [(0, 1), (1, 0), (0, -1), (-1, 0)]


@pytest.fixture(scope="module")
def tracks(dots):
    """For each video its label and its six heads: frame, row, column, direction."""
    found = []
    for video, label in zip(*dots, strict=True):
        heads = np.array(dots_of(video))
        if len(heads) == 6:  # else one has covered the other's head
            found.append((int(label), heads))
    return found


def test_nearly_all_videos_show_six_heads(tracks):
    assert len(tracks) > 0.9 * 900


def kind_of(heads):
    """meet, follow or apart, from where and when heads are seen."""
    counts = np.bincount(heads[:, 0], minlength=8)
    if counts.max() == 2:
        return "meet"
    first, second = heads[:3], heads[3:]
    same_place = (first[1, 1:3] == second[1, 1:3]).all()
    return "follow" if same_place else "apart"


def test_a_third_of_the_videos_each_meets_follows_and_is_apart(tracks):
    kinds = [kind_of(heads) for _, heads in tracks]

    # 900 cases of 1/3: standard deviation 0.016; the bounds are 5 of them.
    for kind in ("meet", "follow", "apart"):
        assert 1 / 3 - 0.08 < kinds.count(kind) / len(kinds) < 1 / 3 + 0.08


def test_the_label_says_whether_the_dots_move_alike(tracks):
    for label, heads in tracks:
        assert label == (len(set(heads[:, 3])) == 1)


def test_dots_move_one_pixel_a_frame_in_the_direction_of_their_heads(tracks):
    one_by_one = [heads for _, heads in tracks if kind_of(heads) != "meet"]
    for heads in one_by_one:
        for dot in (heads[:3], heads[3:]):
            np.testing.assert_array_equal(np.diff(dot[:, 0]), [1, 1])
            step = FORWARD[dot[0, 3]]
            np.testing.assert_array_equal(np.diff(dot[:, 1:3], axis=0), [step, step])
        assert heads[3, 0] == heads[0, 0] + 3


def test_dots_that_do_not_follow_are_in_opposite_halves(tracks):
    for _, heads in tracks:
        if kind_of(heads) == "meet":
            in_frame = heads[heads[:, 0] == heads[0, 0]]
            assert abs(in_frame[0, 1] - in_frame[1, 1]) >= 5


def test_the_directions_alone_do_not_give_the_label_away(tracks):
    # Both labels are about as frequent for each direction of the first head: about
    # 850 / 4 = 210 videos each, standard deviation of the share 0.035.
    for direction in range(4):
        labels = [label for label, heads in tracks if heads[0, 3] == direction]
        assert 0.5 - 0.18 < np.mean(labels) < 0.5 + 0.18


@pytest.mark.parametrize("name", TASKS)
def test_an_example_belongs_to_its_step_and_row(name):
    batches = TASKS[name].batches(6, seed=3)
    whole = next(iter(batches(5)))
    part = next(iter(batches(5, range(2, 4))))
    later = next(iter(batches(6)))

    for key in ("clip", "label"):
        np.testing.assert_array_equal(part[key], whole[key][2:4])
    assert not np.array_equal(later["clip"], whole["clip"])
    assert whole["clip"].dtype == tf.float32
    assert float(tf.reduce_min(whole["clip"])) >= 0
    assert float(tf.reduce_max(whole["clip"])) <= 1


def test_training_has_other_examples_than_the_test(pairs):
    batch = next(iter(TASKS["glyphs"].batches(400, 0)(0)))

    assert not np.array_equal(batch["clip"][0], pairs[0][0])


def test_validation_and_test_have_no_example_in_common():
    loaded = data.load(PAPER.recipe("smoke", "image_c2d"), seed=0)

    seen = {clip.tobytes() for clip in loaded.validation.clips}

    assert (loaded.validation.count, loaded.test.count) == (4, 10)
    assert not seen & {clip.tobytes() for clip in loaded.test.clips}
    assert loaded.info.name == "glyph_pairs"
    assert loaded.info.examples == {"train": 16, "validation": 4, "test": 10}


@pytest.mark.parametrize(
    ("variant", "sets", "message"),
    [
        ("image_c2d", ["data.num_classes=3"], "expected data.frames 1 and .* 1 and 3"),
        ("c2d_r50", ["data.frames=7"], "expected data.frames 8 or more and .* 7 and 2"),
        ("image_c2d", ["data.spec=embedded:glyph_pair"], "did you mean 'glyph_pairs'"),
        ("c2d_r50", ["data.spec=folder:/tmp"], "use tfds:kinetics400"),
    ],
)
def test_what_does_not_fit_is_refused(variant, sets, message):
    with pytest.raises(UsageError, match=message):
        data.load(PAPER.recipe("smoke", variant, sets=sets), seed=0)
