"""`cai data`: what is needed, what is there, and the fix for what is missing."""

import json

import pytest

PAPER = "siamese_one_shot"


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty TFDS_DATA_DIR."""
    folder = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


def test_list_as_json_has_every_scale_and_its_state(cai, data_folder):
    result = cai("data", "list", PAPER, "--json")

    assert (result.code, result.errors) == (0, "")
    rows = {row["scale"]: row for row in json.loads(result.output)}
    assert set(rows) == {"smoke", "small", "paper"}
    assert rows["paper"]["spec"] == "tfds:omniglot"
    assert rows["paper"]["state"] == "missing"
    assert rows["small"]["spec"] == "embedded:glyphs"
    assert rows["small"]["state"] == "made on first use"


def test_list_without_a_paper_has_every_paper(cai, data_folder):
    papers = {row["paper"] for row in json.loads(cai("data", "list", "--json").output)}

    assert papers == {row["slug"] for row in json.loads(cai("list", "--json").output)}


def test_list_is_a_table_for_people(cai, data_folder):
    text = cai("data", "list", PAPER).output

    assert "tfds:omniglot" in text
    assert "made on first use" in text


def test_prepare_makes_an_embedded_set_and_says_where(cai, data_folder):
    result = cai("data", "prepare", "embedded:digits")

    assert (result.code, result.errors) == (0, "preparing digits, once\n")
    last = result.output.splitlines()[-1]
    assert last.startswith(f"ready: {data_folder}/digits/")
    assert list(data_folder.glob("digits/*/dataset_info.json"))


def test_prepare_of_a_prepared_set_does_nothing(cai, data_folder):
    cai("data", "prepare", "embedded:digits")
    (info,) = data_folder.glob("digits/*/dataset_info.json")
    before = info.stat().st_mtime_ns

    result = cai("data", "prepare", "embedded:digits")

    assert result.code == 0
    assert info.stat().st_mtime_ns == before


def test_prepare_takes_a_paper_and_a_scale(cai):
    result = cai("data", "prepare", PAPER, "--scale", "smoke")

    assert result.code == 0, result.errors
    assert "/glyphs/1.0.0" in result.output


def test_prepare_has_nothing_to_do_for_what_a_paper_makes_itself(cai, data_folder):
    result = cai("data", "prepare", "non_local", "--scale", "small")

    assert (result.code, result.errors) == (0, "")
    assert result.output.splitlines() == [
        "made while training: embedded:glyph_pairs",
        "made while training: embedded:moving_dots",
    ]
    assert not data_folder.exists()


def test_prepare_refuses_a_folder(cai, tmp_path):
    result = cai("data", "prepare", f"folder:{tmp_path}")

    assert result.code == 2
    assert "a folder is read as it is; try cai data doctor" in result.errors


def test_prepare_refuses_an_unknown_scale(cai):
    result = cai("data", "prepare", PAPER, "--scale", "smal")

    assert result.code == 2
    assert "expected smoke, small or paper" in result.errors


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("embedded:digit", "did you mean 'digits'?"),
        ("embeded:digits", "did you mean 'embedded'?"),
        ("tfds:no_such_set_at_all", "TFDS has no such data set"),
        ("embedded:", "tfds:NAME[/CONFIG], folder:PATH or embedded:NAME"),
    ],
)
def test_prepare_names_what_is_wrong_with_a_spec(cai, data_folder, spec, expected):
    result = cai("data", "prepare", spec)

    assert result.code == 2
    assert expected in result.errors
    assert len(result.errors.splitlines()) <= 2


def test_doctor_finds_nothing_wrong_with_an_embedded_set(cai):
    result = cai("data", "doctor", PAPER, "--data", "embedded:glyphs")

    assert (result.code, result.errors) == (0, "")
    assert result.output.strip() == f"{PAPER} - embedded:glyphs: ok"


def test_doctor_on_an_empty_folder_names_the_missing_file_and_the_fix(cai, tmp_path):
    result = cai("data", "doctor", PAPER, "--data", f"folder:{tmp_path}")

    assert result.code == 1
    assert "no images_background.zip" in result.output
    assert "github.com/brendenlake/omniglot" in result.output
    assert str(tmp_path) in result.output
    assert len(result.errors.splitlines()) == 1


def test_doctor_names_a_file_that_is_no_zip(cai, tmp_path):
    broken = tmp_path / "images_background.zip"
    broken.write_bytes(b"<html>404</html>")
    (tmp_path / "images_evaluation.zip").write_bytes(b"PK")

    result = cai("data", "doctor", PAPER, "--data", f"folder:{tmp_path}")

    assert result.code == 1
    assert f"{broken}: not a whole zip file" in result.output
    assert "download it again" in result.output


def test_doctor_on_a_missing_folder_is_wrong_usage(cai, tmp_path):
    result = cai("data", "doctor", PAPER, "--data", f"folder:{tmp_path}/nowhere")

    assert result.code == 2
    assert f"no folder {tmp_path}/nowhere" in result.errors


def test_doctor_gives_the_command_that_prepares_a_tfds_set(cai, data_folder):
    result = cai("data", "doctor", PAPER, "--data", "tfds:omniglot")

    assert result.code == 1
    assert "tfds:omniglot is not prepared in" in result.output
    assert "run: cai data prepare tfds:omniglot" in result.output


def test_doctor_checks_every_scale_of_a_paper(cai, data_folder):
    result = cai("data", "doctor", PAPER)

    assert result.code == 1  # the paper's own set is not here
    assert f"{PAPER} smoke embedded:glyphs: ok" in result.output
    assert f"{PAPER} paper tfds:omniglot: " in result.output


def test_doctor_needs_a_paper_to_check_a_spec_for(cai):
    result = cai("data", "doctor", "--data", "embedded:glyphs")

    assert result.code == 2
    assert "--data needs a PAPER" in result.errors


def test_training_on_a_set_that_is_not_prepared_gives_the_command(
    cai, data_folder, tmp_path
):
    run = ("train", PAPER, "--scale", "smoke", "--variant", "pixels")

    result = cai(*run, "--data", "tfds:omniglot", "--output", tmp_path / "runs")

    assert result.code == 1
    assert "run: cai data prepare tfds:omniglot" in result.output
    assert "1 of 1 runs failed" in result.errors
