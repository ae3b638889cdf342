"""Our TFDS builders: what they read from tiny archives, and what they refuse."""

import io
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from sklearn.datasets import load_digits

from cai_keras.data.builders.omniglot_drawings import (
    OmniglotDrawings,
    check_archives,
    find_archives,
)
from cai_keras.data.builders.omniglot_one_shot import OmniglotOneShot, check_runs
from cai_keras.data.source import open_embedded, open_folder, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError

DRAWINGS = {
    "images_background.zip": ("images_background", ("Greek", "Latin")),
    "images_evaluation.zip": ("images_evaluation", ("Tengwar",)),
}


def png(*black, side=105):
    """A white 1-bit image with black pixels (row, column)."""
    pixels = np.ones((side, side), bool)
    for row, column in black:
        pixels[row, column] = False
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def drawing_members(root, alphabets):
    """Two characters by two drawers of each alphabet; pixels (character, drawer)."""
    return {
        f"{root}/{alphabet}/character{character:02d}/00{character}_{drawer:02d}.png": (
            png((character, drawer))
        )
        for alphabet in alphabets
        for character in (1, 2)
        for drawer in (1, 2)
    }


def right_class(run, item):
    """The class of an item (both from 0): another permutation in every run."""
    return (7 * item + run) % 20


def run_members():
    """Items have a black pixel (0, item), classes (1, class), both also (2, run)."""
    members = {}
    for run in range(1, 21):
        folder = f"run{run:02d}"
        lines = []
        for index in range(20):
            item = f"{folder}/test/item{index + 1:02d}.png"
            members[item] = png((0, index), (2, run))
            name = f"{folder}/training/class{index + 1:02d}.png"
            members[name] = png((1, index), (2, run))
            answer = right_class(run, index) + 1
            lines.append(f"{item} {folder}/training/class{answer:02d}.png\n")
        members[f"{folder}/class_labels.txt"] = "".join(lines)
    return members


@pytest.fixture(scope="module")
def drawings_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawings")
    for name, (root, alphabets) in DRAWINGS.items():
        write_zip(folder / name, drawing_members(root, alphabets))
    return folder


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_zip(folder / "all_runs.zip", run_members())
    return folder


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))


def prepare_drawings(folder):
    open_folder(OmniglotDrawings, folder)


def prepare_runs(folder):
    open_folder(OmniglotOneShot, folder)


def rows_of(builder, split):
    return list(tfds.as_numpy(read_split(builder, split)))


# Digits


def test_digits_are_1297_and_500_images_of_scikit_learn():
    builder = open_embedded(DataSpec("embedded", "digits"))
    train, test = rows_of(builder, "train"), rows_of(builder, "test")

    assert (len(train), len(test)) == (1297, 500)
    original = load_digits()
    labels = [row["label"] for row in train + test]
    np.testing.assert_array_equal(labels, original.target)
    images = np.stack([row["image"][..., 0] for row in train + test])
    # 17 levels 0..16 stretched to 0..255: level 16 is 255, level 8 is 127.5.
    np.testing.assert_array_equal(images == 255, original.images == 16)
    np.testing.assert_array_equal(images == 0, original.images == 0)
    assert np.abs(images / 255 - original.images / 16).max() <= 0.5 / 255


# OmniglotDrawings


def test_drawings_are_read_with_alphabet_character_and_drawer(drawings_folder):
    builder = open_folder(OmniglotDrawings, drawings_folder)

    rows = rows_of(builder, "train")

    labels = [(r["alphabet"].decode(), r["character"], r["drawer"]) for r in rows]
    assert labels == [
        (alphabet, character, drawer)
        for alphabet in ("Greek", "Latin")
        for character in (1, 2)
        for drawer in (1, 2)
    ]
    for row in rows:
        expected = np.full((105, 105, 1), 255, np.uint8)
        expected[row["character"], row["drawer"]] = 0
        np.testing.assert_array_equal(row["image"], expected)


def test_a_split_exists_where_its_archive_does(drawings_folder):
    builder = open_folder(OmniglotDrawings, drawings_folder)

    counts = {name: split.num_examples for name, split in builder.info.splits.items()}

    assert counts == {"train": 8, "test": 4}


def test_the_ten_alphabet_archive_stands_in_for_the_evaluation_set(tmp_path):
    for name in ("images_background.zip", "images_evaluation_10alphabets.zip"):
        (tmp_path / name).touch()

    found = find_archives(tmp_path)

    assert found["test"].name == "images_evaluation_10alphabets.zip"
    assert set(found) == {"train", "test"}


def test_the_whole_evaluation_set_comes_first(tmp_path):
    for name in DRAWINGS:
        (tmp_path / name).touch()
    (tmp_path / "images_evaluation_10alphabets.zip").touch()

    assert find_archives(tmp_path)["test"].name == "images_evaluation.zip"


@pytest.mark.parametrize("use", [find_archives, check_archives])
def test_a_missing_background_archive_is_named(tmp_path, use):
    write_zip(tmp_path / "images_evaluation.zip", {})

    with pytest.raises(DataError, match=r"no images_background\.zip; put the zips"):
        use(tmp_path)


def test_preparing_without_the_background_archive_is_a_data_error(tmp_path):
    (tmp_path / "readme.txt").touch()

    with pytest.raises(DataError, match=r"no images_background\.zip"):
        open_folder(OmniglotDrawings, tmp_path)


def test_a_missing_evaluation_archive_is_named(tmp_path):
    write_zip(tmp_path / "images_background.zip", {})

    with pytest.raises(DataError, match=r"no images_evaluation\.zip"):
        check_archives(tmp_path)


def test_sound_archives_pass_the_check(drawings_folder):
    check_archives(drawings_folder)


BAD_DRAWINGS = {
    "another size": (
        {"images/Greek/character01/0001_01.png": png(side=28)},
        r"character01/0001_01\.png has shape \(28, 28\), expected 105 x 105",
    ),
    "no character": (
        {"Greek/0001_01.png": png()},
        r"member Greek/0001_01\.png: expected ALPHABET/characterNN/ID_DRAWER\.png",
    ),
    "no number": (
        {"images/Greek/alpha/0001_01.png": png()},
        r"member images/Greek/alpha/0001_01\.png: expected ALPHABET",
    ),
    "no drawer": (
        {"images/Greek/character01/0001.png": png()},
        r"member images/Greek/character01/0001\.png: expected ALPHABET",
    ),
    "no image": (
        {"images/Greek/character01/0001_01.png": b"text"},
        r"0001_01\.png is not a readable image",
    ),
    "nothing": ({"readme.txt": b"text"}, "holds no PNG file"),
}


@pytest.mark.parametrize(
    ("members", "message"), BAD_DRAWINGS.values(), ids=BAD_DRAWINGS
)
@pytest.mark.parametrize("use", [prepare_drawings, check_archives])
def test_a_bad_archive_of_drawings_is_a_data_error(tmp_path, members, message, use):
    path = tmp_path / "images_background.zip"
    write_zip(path, members)
    sound = drawing_members("images", ("Latin",))
    write_zip(tmp_path / "images_evaluation.zip", sound)

    with pytest.raises(DataError, match=message) as caught:
        use(tmp_path)

    assert str(path) in str(caught.value)


def test_after_a_failure_the_mended_archive_is_read(tmp_path):
    path = tmp_path / "images_background.zip"
    write_zip(path, BAD_DRAWINGS["another size"][0])
    with pytest.raises(DataError):
        open_folder(OmniglotDrawings, tmp_path)
    write_zip(path, drawing_members("images", ("Latin",)))

    builder = open_folder(OmniglotDrawings, tmp_path)

    assert len(rows_of(builder, "train")) == 4


# OmniglotOneShot


def test_runs_have_twenty_items_twenty_classes_and_the_answers(runs_folder):
    rows = rows_of(open_folder(OmniglotOneShot, runs_folder), "test")

    assert [row["run"] for row in rows] == list(range(1, 21))
    for run, row in enumerate(rows, start=1):
        items, classes = row["items"][..., 0], row["classes"][..., 0]
        assert items.shape == classes.shape == (20, 105, 105)
        assert (items[:, 2, run] == 0).all()
        assert (classes[:, 2, run] == 0).all()
        # Item i has its black pixel in column i, and so have classes.
        np.testing.assert_array_equal(items[:, 0, :20] == 0, np.eye(20))
        np.testing.assert_array_equal(classes[:, 1, :20] == 0, np.eye(20))
        expected = [right_class(run, item) for item in range(20)]
        np.testing.assert_array_equal(row["answers"], expected)


def test_the_order_of_the_label_file_does_not_give_the_answer_away(tmp_path):
    members = run_members()
    lines = members["run01/class_labels.txt"].splitlines(keepends=True)
    members["run01/class_labels.txt"] = "".join(reversed(lines))
    write_zip(tmp_path / "all_runs.zip", members)

    row = rows_of(open_folder(OmniglotOneShot, tmp_path), "test")[0]

    # Items follow the file, classes their names.
    np.testing.assert_array_equal(row["items"][:, 0, :20, 0] == 0, np.eye(20)[::-1])
    np.testing.assert_array_equal(row["classes"][:, 1, :20, 0] == 0, np.eye(20))
    expected = [right_class(1, item) for item in reversed(range(20))]
    np.testing.assert_array_equal(row["answers"], expected)


def test_sound_runs_pass_the_check(runs_folder):
    check_runs(runs_folder)


@pytest.mark.parametrize("use", [prepare_runs, check_runs])
def test_a_missing_archive_of_runs_is_named(tmp_path, use):
    (tmp_path / "readme.txt").touch()

    with pytest.raises(DataError, match=r"all_runs\.zip: no such file"):
        use(tmp_path)


def test_an_empty_folder_is_a_data_error_with_instructions(tmp_path):
    with pytest.raises(DataError, match=r"is empty\. Put all_runs\.zip of github"):
        open_folder(OmniglotOneShot, tmp_path)


def without(members, name):
    return {key: value for key, value in members.items() if key != name}


def with_lines(members, change):
    name = "run07/class_labels.txt"
    lines = change(members[name].splitlines(keepends=True))
    return {**members, name: "".join(lines)}


BAD_RUNS = {
    "missing item": (
        lambda m: without(m, "run07/test/item03.png"),
        r"member run07/test/item03\.png is missing",
    ),
    "missing labels": (
        lambda m: without(m, "run20/class_labels.txt"),
        r"member run20/class_labels\.txt is missing",
    ),
    "19 lines": (
        lambda m: with_lines(m, lambda lines: lines[:19]),
        r"run07/class_labels\.txt: expected 20 lines of two file names",
    ),
    "one name in a line": (
        lambda m: with_lines(m, lambda lines: [*lines[:19], "run07/test/item20.png"]),
        r"run07/class_labels\.txt: expected 20 lines of two file names",
    ),
    "a class twice": (
        lambda m: with_lines(m, lambda lines: [*lines[:19], lines[0]]),
        r"run07/class_labels\.txt: a training image stands twice",
    ),
    "not text": (
        lambda m: {**m, "run07/class_labels.txt": b"\xff\xfe\x00"},
        r"run07/class_labels\.txt: expected 20 lines of two file names",
    ),
    "another size": (
        lambda m: {**m, "run07/training/class01.png": png(side=104)},
        r"run07/training/class01\.png has shape \(104, 104\), expected 105 x 105",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_RUNS.values(), ids=BAD_RUNS)
@pytest.mark.parametrize("use", [prepare_runs, check_runs])
def test_a_bad_archive_of_runs_is_a_data_error(tmp_path, change, message, use):
    path = tmp_path / "all_runs.zip"
    write_zip(path, change(run_members()))

    with pytest.raises(DataError, match=message) as caught:
        use(tmp_path)

    assert str(path) in str(caught.value)
