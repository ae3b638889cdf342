"""Pairs and groups: drawn as the protocol says, decoded from the pixels."""

import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cai_keras.data.affine import AffineRanges
from cai_keras.errors import UsageError
from reproductions.siamese_one_shot import data, sampling

NO_DISTORTION = AffineRanges(0.0, 0.0, (1.0, 1.0), 0.0, 0.0)
# Rotation and shift are never zero in practice.
ALWAYS = AffineRanges(10.0, 0.3, (0.8, 1.2), 0.1, 1.0)
SIDE = 4


def decode(images):
    """Character and drawer, from 0, of float images (..., side, side, 1)."""
    pixels = np.round(np.asarray(images)[..., 0] * 255).astype(int)
    assert (pixels[..., 0, 2] == 255).all()
    return pixels[..., 0, 0] - 1, pixels[..., 0, 1] - 1


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# sample_pairs


@pytest.fixture
def sampled(drawings):
    """6,000 pairs as alphabet, character, drawer, each (6000, 2), and same."""
    pairs, same = sampling.sample_pairs(drawings, 6000, np.random.default_rng(0))
    characters, drawers = pairs // 20, pairs % 20
    return drawings.alphabets[characters], characters, drawers, same


def test_half_of_the_pairs_are_same(sampled):
    *_, same = sampled

    assert same.sum() == 3000
    # Any prefix is balanced too: sets of pairs may be cut.
    assert same[:100].sum() == 50


def test_a_same_pair_is_one_character_by_two_drawers(sampled):
    _, characters, drawers, same = sampled

    assert (characters[same, 0] == characters[same, 1]).all()
    assert (drawers[same, 0] != drawers[same, 1]).all()


def test_a_different_pair_is_two_characters_of_one_alphabet(sampled):
    alphabets, characters, drawers, same = sampled

    assert (characters[~same, 0] != characters[~same, 1]).all()
    assert (alphabets[:, 0] == alphabets[:, 1]).all()
    assert (drawers[~same, 0] != drawers[~same, 1]).all()


def test_alphabets_are_uniform_whatever_their_size(sampled):
    alphabets, *_ = sampled

    # 6,000 / 3 = 2,000 of each, standard deviation 36.5; the bounds are 5 of them.
    counts = np.bincount(alphabets[:, 0], minlength=3)
    assert np.abs(counts - 2000).max() <= 183


def test_characters_are_uniform_within_their_alphabet(sampled):
    alphabets, characters, *_ = sampled
    within = characters[alphabets[:, 0] == 1] - 3

    # About 2,000 / 5 = 400 of each, standard deviation 18; the bounds are 5 of them,
    # and 40 more for the number of pairs of this alphabet.
    for member in (0, 1):
        counts = np.bincount(within[:, member], minlength=5)
        assert np.abs(counts - 400).max() <= 130


def test_drawers_are_uniform(sampled):
    _, _, drawers, _ = sampled

    # 6,000 / 20 = 300 of each, standard deviation 16.9; the bounds are 5 of them.
    for member in (0, 1):
        counts = np.bincount(drawers[:, member], minlength=20)
        assert np.abs(counts - 300).max() <= 85


def test_the_same_generator_gives_the_same_pairs(drawings):
    first, _ = sampling.sample_pairs(drawings, 50, np.random.default_rng(1))
    again, _ = sampling.sample_pairs(drawings, 50, np.random.default_rng(1))
    other, _ = sampling.sample_pairs(drawings, 50, np.random.default_rng(2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# pair_batches


def pair_batches(drawings, ranges=NO_DISTORTION, seed=0):
    """12 pairs, each as drawn and in two copies: an epoch is 9 batches of 4."""
    return sampling.pair_batches(drawings, 12, 2, ranges, 4, seed)


def test_pair_batches_are_float_images_and_labels(drawings):
    dataset = pair_batches(drawings, ALWAYS)(0)

    assert dataset.element_spec["images"].shape == (4, 2, SIDE, SIDE, 1)
    (batch,) = take(dataset, 1)
    assert batch["images"].dtype == np.float32
    assert batch["images"].min() >= 0
    assert batch["images"].max() <= 1
    assert batch["images"].max() > 0
    assert batch["same"].dtype == np.float32
    assert batch["same"].shape == (4,)
    assert set(batch["same"]) <= {0.0, 1.0}


def test_the_label_says_whether_the_characters_are_the_same(drawings):
    batches = take(pair_batches(drawings)(0), 9)

    for batch in batches:
        characters, drawers = decode(batch["images"])
        equal = characters[:, 0] == characters[:, 1]
        np.testing.assert_array_equal(equal, batch["same"] == 1)
        assert (drawers[:, 0] != drawers[:, 1]).all()


def test_an_epoch_of_pairs_has_every_pair_in_every_copy(drawings):
    batches = take(pair_batches(drawings)(0), 18)
    images = np.concatenate([batch["images"] for batch in batches])
    characters, drawers = decode(images)
    members = characters * 20 + drawers
    first = Counter(map(tuple, members[:36].tolist()))
    second = Counter(map(tuple, members[36:].tolist()))

    # 12 pairs in 3 copies each; a pair may have been sampled more than once.
    assert sum(first.values()) == 36
    assert all(count % 3 == 0 for count in first.values())
    assert len(first) > 8
    assert second == first
    assert not np.array_equal(members[:36], members[36:])


def test_one_copy_of_each_pair_is_as_drawn_and_the_others_are_not(drawings):
    batches = take(pair_batches(drawings, ALWAYS)(0), 9)
    images = np.concatenate([batch["images"] for batch in batches])[..., 0] * 255
    known = {drawn.tobytes() for drawn in drawings.flat.astype(np.float32)}

    whole = [
        [np.round(image, 3).astype(np.float32).tobytes() in known for image in pair]
        for pair in images
    ]

    # 36 examples of 12 pairs: 12 of two images as drawn, 24 of two distorted ones.
    assert Counter(map(tuple, whole)) == {(True, True): 12, (False, False): 24}


def test_both_images_of_a_pair_are_distorted_on_their_own():
    # All drawings are alike, so that only distortions can make a difference.
    images = np.zeros((2, 20, 9, 9), np.uint8)
    images[..., 2:6, 3:7] = 255
    drawings = data.Drawings(images, np.array([0, 0]), ("a",))

    batches = take(sampling.pair_batches(drawings, 8, 1, ALWAYS, 16, 0)(0), 1)

    pairs = batches[0]["images"]
    differ = (pairs[:, 0] != pairs[:, 1]).any(axis=(1, 2, 3))
    assert differ.sum() == 8  # the other 8 are as drawn


def test_pairs_without_distortions_are_as_drawn(drawings):
    batches = take(sampling.pair_batches(drawings, 8, 0, ALWAYS, 4, 0)(0), 2)

    for batch in batches:
        characters, drawers = decode(batch["images"])
        expected = drawings.images[characters, drawers]
        np.testing.assert_allclose(batch["images"][..., 0] * 255, expected, atol=1e-3)


def test_a_step_of_pairs_is_the_same_from_any_start(drawings):
    batches = pair_batches(drawings, ALWAYS)

    expected = take(batches(0), 12)[10:]
    found = take(batches(10), 2)

    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a["images"], b["images"])
        np.testing.assert_array_equal(a["same"], b["same"])


def test_seeds_give_different_pairs(drawings):
    (first,) = take(pair_batches(drawings, seed=0)(0), 1)
    (second,) = take(pair_batches(drawings, seed=1)(0), 1)

    assert not np.array_equal(first["images"], second["images"])


# group_batches


def group_batches(drawings, ranges=NO_DISTORTION, turns=False, seed=0, groups=50):
    return sampling.group_batches(drawings, 3, ranges, turns, groups, seed)


def test_groups_are_float_images(drawings):
    (batch,) = take(group_batches(drawings, ALWAYS, True, groups=2)(0), 1)

    assert set(batch) == {"images"}
    assert batch["images"].shape == (2, 6, SIDE, SIDE, 1)
    assert batch["images"].dtype == np.float32
    assert batch["images"].min() >= 0
    assert batch["images"].max() <= 1


def test_neighbours_in_a_group_are_one_character_by_two_drawers(drawings):
    (batch,) = take(group_batches(drawings)(0), 1)

    characters, drawers = decode(batch["images"])

    np.testing.assert_array_equal(characters[:, ::2], characters[:, 1::2])
    assert (drawers[:, ::2] != drawers[:, 1::2]).all()


def test_a_group_is_of_distinct_characters_of_one_alphabet(drawings):
    (batch,) = take(group_batches(drawings)(0), 1)

    characters, _ = decode(batch["images"])

    alphabets = drawings.alphabets[characters]
    assert (alphabets == alphabets[:, :1]).all()
    assert all(len(set(group)) == 3 for group in characters.tolist())


def test_alphabets_characters_and_drawers_of_groups_are_uniform(drawings):
    (batch,) = take(group_batches(drawings, groups=1500)(0), 1)
    characters, drawers = decode(batch["images"])

    # 500 groups of each alphabet, standard deviation 18.3; the bounds are 5 of them.
    counts = np.bincount(drawings.alphabets[characters[:, 0]], minlength=3)
    assert np.abs(counts - 500).max() <= 92
    # Three of the five characters 3..7 of the second alphabet: each in 3/5 of its
    # groups; 5 standard deviations of sqrt(.6 * .4 / 500) are 0.11.
    second = characters[drawings.alphabets[characters[:, 0]] == 1][:, ::2]
    shares = np.bincount(second.ravel() - 3, minlength=5) / len(second)
    np.testing.assert_allclose(shares, 0.6, atol=0.12)
    # 9,000 drawings by 20 drawers: 450 each, standard deviation 20.7; 5 of them.
    assert np.abs(np.bincount(drawers.ravel(), minlength=20) - 450).max() <= 104


def test_every_step_draws_new_groups(drawings):
    first, second = take(group_batches(drawings)(0), 2)

    assert not np.array_equal(first["images"], second["images"])


def test_a_step_of_groups_is_the_same_from_any_start(drawings):
    batches = group_batches(drawings, ALWAYS, turns=True, groups=3)

    expected = take(batches(0), 7)[5:]
    found = take(batches(5), 2)

    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a["images"], b["images"])


def test_quarter_turns_turn_a_whole_group_alike(drawings):
    (plain,) = take(group_batches(drawings)(0), 1)
    (turned,) = take(group_batches(drawings, turns=True)(0), 1)

    # The same groups otherwise: each equals its plain self after some turn.
    found = [
        [k for k in range(4) if np.array_equal(np.rot90(a, k, axes=(1, 2)), b)]
        for a, b in zip(plain["images"], turned["images"], strict=True)
    ]

    assert {len(turns) for turns in found} == {1}
    # 50 groups: none of the four turns is missing, but for 4 * (3 / 4) ** 50.
    assert {turns[0] for turns in found} == {0, 1, 2, 3}


def test_groups_larger_than_the_smallest_alphabet_are_refused(drawings):
    with pytest.raises(UsageError, match=r"group_characters: 4; .* has 3 characters"):
        sampling.group_batches(drawings, 4, NO_DISTORTION, False, 2, 0)


def test_turn_is_numpys_rot90():
    rng = np.random.default_rng(0)
    images = rng.random((4, 3, 5, 5, 1), np.float32)

    turned = sampling.turn(tf.constant(images), tf.constant([0, 1, 2, 3])).numpy()

    for turns in range(4):
        expected = np.rot90(images[turns], turns, axes=(1, 2))
        np.testing.assert_array_equal(turned[turns], expected)


# Any rows of any step


def pairs_of_six(drawings):
    return sampling.pair_batches(drawings, 5, 2, ALWAYS, 6, seed=3)


def groups_of_six(drawings):
    return sampling.group_batches(drawings, 2, ALWAYS, True, 6, seed=3)


@pytest.fixture(params=[pairs_of_six, groups_of_six])
def six(request, drawings):
    """Batches of 6 examples, each kind in its turn."""
    return request.param(drawings)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_rows_of_any_step_are_those_of_the_whole_batch(six, data):
    step = data.draw(st.integers(0, 2**31), "step")
    start = data.draw(st.integers(0, 5), "start")
    stop = data.draw(st.integers(start + 1, 6), "stop")

    whole = next(six(step).as_numpy_iterator())
    part = next(six(step, range(start, stop)).as_numpy_iterator())

    assert whole["images"].shape[0] == 6
    assert part.keys() == whole.keys()
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name][start:stop])
