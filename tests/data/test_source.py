"""From a spec to a prepared set: prepared once, and again where content changes."""

import io
import logging
import os
import random
import subprocess
import sys
import zipfile

import pytest
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core import constants

from cai_keras.data.builders.omniglot_drawings import OmniglotDrawings
from cai_keras.data.classification import load_classification
from cai_keras.data.source import (
    data_root,
    open_catalogue,
    open_embedded,
    open_folder,
    problems_of,
    read_split,
    state_of,
)
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError

DIGITS = DataSpec("embedded", "digits")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """An empty TFDS folder for each test."""
    folder = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


def write_drawings(folder, character):
    """A background archive of one drawing; TFDS needs a valid picture."""
    folder.mkdir(exist_ok=True)
    name = f"images_background/Greek/character{character:02d}/0001_01.png"
    with zipfile.ZipFile(folder / "images_background.zip", "w") as archive:
        archive.writestr(name, WHITE)


def _white():
    buffer = io.BytesIO()
    Image.new("1", (105, 105), 1).save(buffer, "PNG")
    return buffer.getvalue()


WHITE = _white()


def characters_of(builder):
    rows = tfds.as_numpy(read_split(builder, "train"))
    return [int(row["character"]) for row in rows]


def files_of(folder):
    """File -> time of its last change, lock files aside."""
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_the_data_folder_is_the_environments(own_folder):
    assert data_root() == own_folder


def test_preparing_a_set_keeps_the_level_of_tfds_notes():
    notes = logging.getLogger("absl")
    notes.setLevel(logging.CRITICAL)

    open_embedded(DIGITS)

    assert notes.level == logging.CRITICAL


def test_without_the_environment_the_data_folder_is_tfds_own(monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setattr(constants, "DATA_DIR", "/home/somebody/tensorflow_datasets")

    assert str(data_root()) == "/home/somebody/tensorflow_datasets"


def test_the_data_folder_may_start_at_home(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "~/sets")
    monkeypatch.setenv("HOME", "/home/somebody")

    assert str(data_root()) == "/home/somebody/sets"


def test_an_embedded_set_is_prepared_once(own_folder):
    open_embedded(DIGITS)
    before = files_of(own_folder)
    builder = open_embedded(DIGITS)

    assert files_of(own_folder) == before
    assert any(path.name == "dataset_info.json" for path in before)
    assert builder.info.splits["train"].num_examples == 1297


def test_an_unknown_embedded_set_gets_the_nearest_name():
    with pytest.raises(UsageError, match=r"embedded:glyfs.*did you mean 'glyphs'"):
        open_embedded(DataSpec("embedded", "glyfs"))


def test_a_folder_is_prepared_once_for_the_same_content(tmp_path, own_folder):
    write_drawings(tmp_path / "mine", character=3)
    first = open_folder(OmniglotDrawings, tmp_path / "mine")
    before = files_of(own_folder)

    second = open_folder(OmniglotDrawings, tmp_path / "mine")

    assert second.data_dir == first.data_dir
    assert files_of(own_folder) == before


def test_a_changed_folder_is_prepared_again(tmp_path):
    write_drawings(tmp_path / "mine", character=3)
    old = open_folder(OmniglotDrawings, tmp_path / "mine")
    write_drawings(tmp_path / "mine", character=4)

    new = open_folder(OmniglotDrawings, tmp_path / "mine")

    assert new.data_dir != old.data_dir
    assert characters_of(old) == [3]
    assert characters_of(new) == [4]


def test_a_moved_folder_of_the_same_content_is_not_prepared_again(tmp_path):
    write_drawings(tmp_path / "mine", character=3)
    first = open_folder(OmniglotDrawings, tmp_path / "mine")
    (tmp_path / "mine").rename(tmp_path / "moved")

    assert open_folder(OmniglotDrawings, tmp_path / "moved").data_dir == first.data_dir


def test_a_set_that_is_not_prepared_names_the_command_that_prepares_it():
    builder = open_catalogue(DataSpec("tfds", "mnist"))

    with pytest.raises(DataError, match=r"run: cai data prepare tfds:mnist$"):
        read_split(builder, "train")


def test_the_command_that_prepares_a_set_names_its_config_too():
    builder = open_catalogue(DataSpec("tfds", "cifar10_corrupted/brightness_1"))

    command = "cai data prepare tfds:cifar10_corrupted/brightness_1$"
    with pytest.raises(DataError, match=command):
        read_split(builder, "test")


def test_training_on_a_set_that_is_not_prepared_names_the_command():
    with pytest.raises(DataError, match="cai data prepare tfds:mnist"):
        load_classification("tfds:mnist")


def test_a_set_that_tfds_does_not_have_is_a_usage_error():
    with pytest.raises(UsageError, match="tfds:omniglott"):
        open_catalogue(DataSpec("tfds", "omniglott"))


def test_a_split_that_a_set_does_not_have_is_named():
    with pytest.raises(DataError, match="digits: split 'validation'") as caught:
        read_split(open_embedded(DIGITS), "validation")

    assert "\n" not in str(caught.value)


def test_a_split_is_read_in_stored_order():
    builder = open_embedded(DIGITS)

    labels = [int(r["label"]) for r in tfds.as_numpy(read_split(builder, "train[:10]"))]

    # scikit-learn's set begins with 0 1 2 3 4 5 6 7 8 9.
    assert labels == list(range(10))


def test_two_processes_that_prepare_the_same_set_both_succeed(own_folder):
    code = (
        "from cai_keras.data.source import open_embedded\n"
        "from cai_keras.data.spec import DataSpec\n"
        "builder = open_embedded(DataSpec('embedded', 'digits'))\n"
        "print(builder.info.splits['test'].num_examples)\n"
    )
    environment = {**os.environ, "TFDS_DATA_DIR": str(own_folder)}

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    results = [process.communicate(timeout=300) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], results
    assert [out.strip() for out, _ in results] == ["500", "500"]


def test_an_embedded_set_has_no_problems_and_is_made_on_first_use():
    assert problems_of("embedded:digits") == []
    assert state_of("embedded:digits") == "made on first use"


def test_a_prepared_embedded_set_is_ready():
    open_embedded(DIGITS)

    assert state_of("embedded:digits") == "ready"


def test_a_catalogue_set_that_is_not_prepared_is_missing():
    (problem,) = problems_of("tfds:mnist")

    assert "run: cai data prepare tfds:mnist" in problem
    assert state_of("tfds:mnist") == "missing"


def test_an_empty_folder_is_a_problem(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    (problem,) = problems_of(f"folder:{empty}")

    assert "is empty" in problem


def test_a_missing_folder_is_missing(tmp_path):
    assert state_of(f"folder:{tmp_path / 'nowhere'}") == "missing"
    assert state_of(f"folder:{tmp_path}") == "ready"


def test_preparing_a_set_leaves_the_random_state_as_it_was(tmp_path, monkeypatch):
    # Else the first run's weights would depend on whether the data was there already.
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    random.seed(3)
    before = random.getstate()

    open_embedded(DataSpec.parse("embedded:digits"))

    assert random.getstate() == before
