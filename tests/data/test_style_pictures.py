"""Photographs and styles from packages and folders."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cai_keras.data.builders.pictures import FILES
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import download
from cai_keras.data.spec import DataSpec
from cai_keras.data.style_pictures import (
    StylePictures,
    load_style_pictures,
    problems_of,
)
from cai_keras.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path):
    for part, name, colour in (
        ("content", "street.png", (255, 0, 0)),
        ("content", "house.png", (0, 255, 0)),
        ("styles", "wave.png", (0, 0, 255)),
    ):
        (tmp_path / part).mkdir(exist_ok=True)
        Image.new("RGB", (6, 4), colour).save(tmp_path / part / name)
    return tmp_path


def test_the_embedded_pictures_are_those_of_the_packages():
    pictures = load_style_pictures("embedded:pictures")
    assert list(pictures.content) == list(FILES["content"])
    assert list(pictures.styles) == list(FILES["styles"])
    for picture in [*pictures.content.values(), *pictures.styles.values()]:
        assert picture.dtype == np.float32
        assert picture.shape[2] == 3
        assert min(picture.shape[:2]) >= 300
        assert 0 <= picture.min() < 0.3
        assert 0.6 < picture.max() <= 1
    assert pictures.info.examples == {"content": 7, "styles": 5}


def test_a_folder_has_its_pictures_by_name(folder):
    pictures = load_style_pictures(f"folder:{folder}")
    assert list(pictures.content) == ["house", "street"]
    np.testing.assert_array_equal(pictures.styles["wave"][0, 0], [0, 0, 1])
    assert pictures.info.examples == {"content": 2, "styles": 1}


def test_the_digest_goes_with_the_content(folder):
    before = load_style_pictures(f"folder:{folder}").info.digest
    assert load_style_pictures(f"folder:{folder}").info.digest == before
    Image.new("RGB", (6, 4), (0, 0, 254)).save(folder / "styles" / "wave.png")
    assert load_style_pictures(f"folder:{folder}").info.digest != before


def test_what_is_missing_is_said(folder, tmp_path):
    (folder / "styles" / "wave.png").unlink()
    with pytest.raises(DataError, match="styles: no pictures; expected a folder with"):
        load_style_pictures(f"folder:{folder}")
    assert "no pictures" in problems_of(f"folder:{folder}")[0]
    (folder / "styles").rmdir()
    with pytest.raises(DataError, match="styles: no such folder"):
        load_style_pictures(f"folder:{folder}")
    with pytest.raises(UsageError, match="expected embedded:pictures or tfds"):
        load_style_pictures("embedded:digits")


def test_two_pictures_of_one_name_are_refused(folder):
    Image.new("RGB", (6, 4)).save(folder / "styles" / "wave.jpg")
    with pytest.raises(DataError, match="two pictures have the name 'wave'"):
        load_style_pictures(f"folder:{folder}")


def test_a_whole_folder_has_no_problems(folder):
    assert problems_of(f"folder:{folder}") == []
    assert problems_of("embedded:pictures") == []


def test_the_papers_pictures_are_prepared_from_the_manual_folder(
    folder, tmp_path_factory, monkeypatch
):
    own = tmp_path_factory.mktemp("tfds")
    monkeypatch.setenv("TFDS_DATA_DIR", str(own))
    spec = "tfds:style_pictures"
    (problem,) = problems_of(spec)
    assert problem.endswith("run: cai data prepare tfds:style_pictures")

    shutil.copytree(folder, own / "downloads" / "manual" / "style_pictures")
    download(DataSpec.parse(spec))

    assert problems_of(spec) == []
    pictures, files = load_style_pictures(spec), load_style_pictures(f"folder:{folder}")
    assert list(pictures.content) == ["house", "street"]
    np.testing.assert_array_equal(pictures.styles["wave"], files.styles["wave"])
    assert (pictures.info.name, files.info.name) == ("style_pictures", "own_pictures")


@given(st.integers(1, 8), st.integers(1, 8))
def test_pairs_are_new_until_every_photograph_has_met_every_style(contents, styles):
    empty = np.zeros((1, 1, 3), np.float32)
    pictures = StylePictures(
        {f"c{n}": empty for n in range(contents)},
        {f"s{n}": empty for n in range(styles)},
        LoadedData("pictures", "1", {}),
    )
    pairs = [pictures.pair(number) for number in range(contents * styles)]
    assert len(set(pairs)) == contents * styles
