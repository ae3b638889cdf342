"""Pairs, groups and runs: drawn as the protocol says, decoded from the pixels."""

import io
import itertools
import zipfile
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.data.affine import AffineRanges
from cai_keras.errors import DataError, UsageError
from reproductions.siamese_one_shot import data, sampling

NO_DISTORTION = AffineRanges(0.0, 0.0, (1.0, 1.0), 0.0, 0.0)
# Rotation and shift are never zero in practice.
ALWAYS = AffineRanges(10.0, 0.3, (0.8, 1.2), 0.1, 1.0)
SIDE = 4


def make_drawings(sizes):
    """Every pixel row 0 is (character, drawer, 255, 0), counted from 1: no two alike.

    The 255 in column 2 of row 0 tells how an image was turned.
    """
    count = sum(sizes)
    images = np.zeros((count, 20, SIDE, SIDE), np.uint8)
    images[..., 0, 0] = np.arange(1, count + 1)[:, None]
    images[..., 0, 1] = np.arange(1, 21)
    images[..., 0, 2] = 255
    names = tuple(f"alphabet{index}" for index in range(len(sizes)))
    return data.Drawings(images, np.repeat(np.arange(len(sizes)), sizes), names)


@pytest.fixture
def drawings():
    """Alphabets of 3, 5 and 4 characters."""
    return make_drawings([3, 5, 4])


def decode(images):
    """Character and drawer, from 0, of float images (..., side, side, 1)."""
    pixels = np.round(np.asarray(images)[..., 0] * 255).astype(int)
    assert (pixels[..., 0, 2] == 255).all()
    return pixels[..., 0, 0] - 1, pixels[..., 0, 1] - 1


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# Drawings


def test_drawings_know_size_and_start_of_every_alphabet(drawings):
    np.testing.assert_array_equal(drawings.sizes, [3, 5, 4])
    np.testing.assert_array_equal(drawings.starts, [0, 3, 8])


def test_flat_drawings_are_by_character_and_then_by_drawer(drawings):
    np.testing.assert_array_equal(drawings.flat[7 * 20 + 13], drawings.images[7, 13])


def test_chosen_alphabets_are_numbered_again(drawings):
    chosen = drawings.only([0, 2])

    assert chosen.names == ("alphabet0", "alphabet2")
    np.testing.assert_array_equal(chosen.alphabets, [0, 0, 0, 1, 1, 1, 1])
    # Characters 0..2 and 8..11, whose first pixels count from 1.
    np.testing.assert_array_equal(chosen.images[:, 0, 0, 0], [1, 2, 3, 9, 10, 11, 12])


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


# hold_out, make_runs, reduce_image


def test_validation_alphabets_are_evenly_spaced_among_the_large_ones():
    # Large ones: 0, 2, 3, 5 of six alphabets. Positions (0.5, 1.5) * 4 / 2 = 1, 3 of
    # these: alphabets 2 and 5.
    drawings = make_drawings([20, 3, 21, 22, 19, 25])

    train, validation = data.hold_out(drawings, 2)

    assert validation.names == ("alphabet2", "alphabet5")
    assert train.names == ("alphabet0", "alphabet1", "alphabet3", "alphabet4")
    assert len(train.images) == 20 + 3 + 22 + 19
    assert len(validation.images) == 21 + 25


@pytest.mark.parametrize("count", [0, -1, 2])
def test_too_few_or_too_many_validation_alphabets_are_refused(count):
    drawings = make_drawings([20, 3])

    with pytest.raises(UsageError, match=f"validation_alphabets: {count}; .* 1 to 1"):
        data.hold_out(drawings, count)


@pytest.fixture
def runs():
    """12 runs of two large alphabets (the second and the fourth)."""
    drawings = make_drawings([5, 20, 3, 24])
    return drawings, data.make_runs(drawings, 12, np.random.default_rng(0))


def identify(images):
    """Character and drawer, from 0, of uint8 images."""
    return images[..., 0, 0].astype(int) - 1, images[..., 0, 1].astype(int) - 1


def test_the_answer_of_a_run_is_the_class_of_the_same_character(runs):
    _, made = runs
    items, _ = identify(made.items)
    classes, _ = identify(made.classes)

    chosen = np.take_along_axis(classes, made.answers, axis=1)

    assert made.items.shape == made.classes.shape == (12, 20, SIDE, SIDE)
    np.testing.assert_array_equal(items, chosen)


def test_a_run_is_of_twenty_characters_of_one_alphabet(runs):
    drawings, made = runs
    classes, _ = identify(made.classes)

    assert all(len(set(run)) == 20 for run in classes.tolist())
    alphabets = drawings.alphabets[classes]
    assert (alphabets == alphabets[:, :1]).all()
    # Large alphabets take turns.
    np.testing.assert_array_equal(alphabets[:, 0], [1, 3] * 6)


def test_items_and_classes_of_a_run_are_by_two_drawers(runs):
    _, made = runs
    _, first = identify(made.items)
    _, second = identify(made.classes)

    assert (first == first[:, :1]).all()
    assert (second == second[:, :1]).all()
    assert (first[:, 0] != second[:, 0]).all()


def test_the_answers_of_a_run_are_not_in_order(runs):
    _, made = runs

    # An argmax over constant scores is right once in 20, not always.
    assert not (made.answers == np.arange(20)).all(axis=1).any()
    assert not (made.answers[0] == made.answers[1]).all()


def test_runs_need_an_alphabet_of_twenty_characters():
    with pytest.raises(DataError, match="no alphabet has 20 characters"):
        data.make_runs(make_drawings([19, 3]), 1, np.random.default_rng(0))


@pytest.mark.parametrize("side", [35, 15])
def test_an_image_is_reduced_to_the_means_of_its_blocks(side):
    image = np.random.default_rng(0).integers(0, 256, (105, 105), np.uint8)
    block = 105 // side

    reduced = data.reduce_image(image, side)

    means = image.reshape(side, block, side, block).mean(axis=(1, 3))
    assert reduced.dtype == np.uint8
    # Pillow rounds twice, after the columns and after the rows.
    assert np.abs(reduced - means).max() <= 1.0
    assert np.abs(reduced - means).mean() < 0.5


def test_an_image_of_the_right_size_is_left_alone():
    image = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)

    np.testing.assert_array_equal(data.reduce_image(image, 9), image)


# Loading


def png(black=()):
    pixels = np.ones((105, 105), bool)
    for row, column in black:
        pixels[row, column] = False
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_drawings(path, sizes, num_drawers=20):
    """Alphabets a, b, ...; black pixels (0, character), (1, drawer), from 1."""
    with zipfile.ZipFile(path, "w") as archive:
        for letter, size in zip("abcdef", sizes, strict=False):
            for character in range(1, size + 1):
                for drawer in range(1, num_drawers + 1):
                    file = f"{character:04d}_{drawer:02d}.png"
                    name = f"images/{letter}/character{character:02d}/{file}"
                    archive.writestr(name, png([(0, character), (1, drawer)]))


def write_runs(path):
    """Lake's layout; item i belongs to class i in every run."""
    with zipfile.ZipFile(path, "w") as archive:
        for run in (f"run{number:02d}" for number in range(1, 21)):
            lines = []
            for index in range(1, 21):
                item = f"{run}/test/item{index:02d}.png"
                training = f"{run}/training/class{index:02d}.png"
                archive.writestr(item, png([(0, index)]))
                archive.writestr(training, png([(0, index)]))
                lines.append(f"{item} {training}\n")
            archive.writestr(f"{run}/class_labels.txt", "".join(lines))


@pytest.fixture
def omniglot_folder(tmp_path, monkeypatch):
    """Two background alphabets, one for evaluation, and the runs."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    data.load.cache_clear()
    folder = tmp_path / "omniglot"
    folder.mkdir()
    write_drawings(folder / "images_background.zip", [2, 20])
    write_drawings(folder / "images_evaluation.zip", [1])
    write_runs(folder / "all_runs.zip")
    yield folder
    data.load.cache_clear()


def test_a_folder_with_part_of_the_background_is_a_subset(omniglot_folder):
    loaded = data.load(f"folder:{omniglot_folder}", 105, 1)

    assert loaded.info.name == "omniglot_subset"
    assert loaded.info.examples == {
        "train": 2 * 20,
        "validation": 20 * 20,
        "test": 20,
        "one_shot_trials": 400,
    }
    assert loaded.train.names == ("a",)
    assert loaded.validation.names == ("b",)


def test_a_folder_is_read_with_ink_255_in_order_of_character_and_drawer(
    omniglot_folder,
):
    loaded = data.load(f"folder:{omniglot_folder}", 105, 1)

    images = loaded.validation.images
    assert images.shape == (20, 20, 105, 105)
    # Two pixels of ink in each drawing: (0, character) and (1, drawer).
    assert (images.sum(axis=(2, 3), dtype=int) == 2 * 255).all()
    assert all((images[c, :, 0, c + 1] == 255).all() for c in range(20))
    assert all((images[:, d, 1, d + 1] == 255).all() for d in range(20))
    np.testing.assert_array_equal(loaded.runs.answers, [list(range(20))] * 20)
    np.testing.assert_array_equal(
        loaded.runs.items[:, :, 0, 1:21] == 255, [np.eye(20, dtype=bool)] * 20
    )


def test_a_folder_without_the_evaluation_set_is_refused(omniglot_folder):
    (omniglot_folder / "images_evaluation.zip").unlink()

    with pytest.raises(DataError, match=r"no images_evaluation\.zip"):
        data.load(f"folder:{omniglot_folder}", 105, 1)


def test_a_character_without_all_its_drawers_is_named(omniglot_folder):
    write_drawings(omniglot_folder / "images_evaluation.zip", [1], num_drawers=19)

    with pytest.raises(DataError, match="character 1 of a has 19 drawings, expected"):
        data.load(f"folder:{omniglot_folder}", 105, 1)


def test_the_doctor_finds_nothing_wrong_with_a_whole_folder(omniglot_folder):
    assert data.problems_of(f"folder:{omniglot_folder}") == []


def test_the_doctor_names_every_file_that_is_missing(omniglot_folder):
    (omniglot_folder / "all_runs.zip").unlink()
    (omniglot_folder / "images_background.zip").unlink()

    problems = data.problems_of(f"folder:{omniglot_folder}")

    assert len(problems) == 2
    assert any("all_runs.zip" in problem for problem in problems)
    assert any("images_background.zip" in problem for problem in problems)


def test_an_embedded_set_without_alphabets_is_refused():
    with pytest.raises(UsageError, match="has no alphabets; try embedded:glyphs"):
        data.load("embedded:digits", 15, 3)


def tfds_omniglot(self, *args, **kwargs):
    """Two characters of each of alphabets 3 and 12, their drawings interleaved.

    The image of drawing d of character c has one dark pixel (c, d) in every channel.
    """

    def examples():
        for drawing, alphabet, character in itertools.product(
            range(20), (12, 3), (2, 1)
        ):
            image = np.full((105, 105, 3), 255, np.uint8)
            image[character, drawing] = 0
            yield {
                "image": image,
                "alphabet": alphabet,
                "alphabet_char_id": character,
                "label": 2 * alphabet + character,
            }

    features = self.info.features
    return tf.data.Dataset.from_generator(
        examples, output_types=features.dtype, output_shapes=features.shape
    )


def test_drawers_of_tfds_omniglot_are_numbered_in_stored_order(tmp_path):
    with tfds.testing.mock_data(as_dataset_fn=tfds_omniglot):
        builder = tfds.builder("omniglot", data_dir=tmp_path)
        drawings = data.read_drawings(builder, "train", 105)

    assert drawings.images.shape == (4, 20, 105, 105)
    assert len(drawings.names) == 2
    np.testing.assert_array_equal(drawings.alphabets, [0, 0, 1, 1])
    # Characters 1 and 2 of one alphabet, then those of the other; ink is 255.
    for index, character in enumerate([1, 2, 1, 2]):
        np.testing.assert_array_equal(
            drawings.images[index, :, character, :20] == 255, np.eye(20, dtype=bool)
        )
    assert (drawings.images.sum(axis=(2, 3), dtype=int) == 255).all()


def test_tfds_omniglot_with_a_missing_drawing_is_refused(tmp_path):
    def broken(self, *args, **kwargs):
        return tfds_omniglot(self).skip(1)

    with tfds.testing.mock_data(as_dataset_fn=broken):
        builder = tfds.builder("omniglot", data_dir=tmp_path)
        with pytest.raises(DataError, match=r"character 2 of 12 has 19 drawings"):
            data.read_drawings(builder, "train", 105)
