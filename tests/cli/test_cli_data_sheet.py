"""`cai data sheet`: a picture of a data set's first examples."""

import io

import numpy as np
import pytest
from PIL import Image

from cai_keras.data.builders import context_scenes


@pytest.fixture
def small_scenes(tmp_path, monkeypatch):
    """`embedded:context_scenes` with 7 images, in an empty TFDS_DATA_DIR."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(context_scenes, "SPLITS", {"train": 7, "test": 7})


def test_a_sheet_shows_the_images_of_an_embedded_set(cai, small_scenes, tmp_path):
    output = tmp_path / "sheet.png"

    result = cai(
        "data", "sheet", "embedded:context_scenes", "--examples", 4, "--output", output
    )

    assert result.code == 0, result.errors
    assert result.output.splitlines()[-1] == str(output)
    levels = np.asarray(Image.open(io.BytesIO(output.read_bytes())).convert("RGB"))
    assert levels.std() > 20  # not a blank page
    first = context_scenes.draw(1, np.random.default_rng([0x736365, 0, 0]))
    # The first beacon's colour, which noise is far from, is somewhere on the sheet.
    is_beacon = first["distance"][..., 0] == 0
    beacon = first["image"][is_beacon].mean(axis=0)
    nearest = np.abs(levels.astype(float) - beacon).sum(axis=-1).min()
    assert nearest < 30


def test_a_sheet_can_be_an_svg_of_another_split(cai, small_scenes, tmp_path):
    output = tmp_path / "sheet.svg"

    result = cai(
        "data", "sheet", "embedded:context_scenes", "--split", "test[:2]",
        "--output", output,
    )  # fmt: skip

    assert result.code == 0, result.errors
    text = output.read_text()
    assert all(name in text for name in ("image", "label", "distance"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("embedded:context_scene",), "did you mean 'context_scenes'?"),
        (("embedded:digits", "--output", "sheet.jpg"), "unknown name 'jpg'"),
        (("embedded:digits", "--output", "no/where/a.png"), "no folder no/where"),
        (("folder:.",), "expected embedded:NAME or tfds:NAME"),
        (("embedded:digits", "--examples", "0"), "--examples"),
    ],
)
def test_what_cannot_be_drawn_is_wrong_usage(cai, small_scenes, arguments, message):
    result = cai("data", "sheet", *arguments)

    assert result.code == 2
    assert message in result.errors


def test_a_split_that_is_not_there_is_named(cai, small_scenes, tmp_path):
    result = cai(
        "data", "sheet", "embedded:context_scenes", "--split", "validation",
        "--output", tmp_path / "sheet.png",
    )  # fmt: skip

    assert result.code == 1
    assert "split 'validation'" in result.errors
    assert not (tmp_path / "sheet.png").exists()
