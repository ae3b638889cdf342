"""Drawings, one-shot runs, and how both are read from archives."""

import io
import itertools
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.errors import DataError, UsageError
from reproductions.siamese_one_shot import data

SIDE = 4


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


# hold_out, make_runs, reduce_image


def test_validation_alphabets_are_evenly_spaced_among_the_large_ones(make_drawings):
    # Large ones: 0, 2, 3, 5 of six alphabets. Positions (0.5, 1.5) * 4 / 2 = 1, 3 of
    # these: alphabets 2 and 5.
    drawings = make_drawings([20, 3, 21, 22, 19, 25])

    train, validation = data.hold_out(drawings, 2)

    assert validation.names == ("alphabet2", "alphabet5")
    assert train.names == ("alphabet0", "alphabet1", "alphabet3", "alphabet4")
    assert len(train.images) == 20 + 3 + 22 + 19
    assert len(validation.images) == 21 + 25


@pytest.mark.parametrize("count", [0, -1, 2])
def test_too_few_or_too_many_validation_alphabets_are_refused(count, make_drawings):
    drawings = make_drawings([20, 3])

    with pytest.raises(UsageError, match=f"validation_alphabets: {count}; .* 1 to 1"):
        data.hold_out(drawings, count)


@pytest.fixture
def runs(make_drawings):
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


def test_runs_need_an_alphabet_of_twenty_characters(make_drawings):
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
