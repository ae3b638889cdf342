"""`cai stylize`: pictures painted by optimisation and by networks, and bad input."""

import keras
import numpy as np
import pytest
from PIL import Image

from cai_keras.cli import stylize_search
from cai_keras.data.picture_files import read_picture
from cai_keras.networks.transform_net import (
    build_style_transform,
    build_super_resolution,
)
from cai_keras.stylization import minimisation

SMALL = ("--size", 64, "--iterations", 3)


def write_picture(path, height, width, seed=0):
    level = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8)
    Image.fromarray(level).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def photo(tmp_path):
    return write_picture(tmp_path / "photo.jpg", 60, 80)


@pytest.fixture
def painting(tmp_path):
    return write_picture(tmp_path / "painting.png", 90, 50, seed=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run's folder, as far as `cai stylize` looks."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "checkpoints").mkdir()
    network = build_style_transform((4, 4, 4), 1, "instance", "resized")
    network.save(folder / "checkpoints" / "transform.keras")
    return folder


@pytest.fixture
def folder(tmp_path):
    """Two pictures of different sizes, a broken one, and a file that is none."""
    pictures = tmp_path / "holiday"
    pictures.mkdir()
    write_picture(pictures / "a.png", 45, 62)
    write_picture(pictures / "b.bmp", 41, 53)
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (pictures / "notes.txt").write_text("not a picture")
    return pictures


# By optimisation.


def test_a_photograph_is_painted_at_the_size_that_was_asked_for(
    cai, photo, painting, tmp_path
):
    out = tmp_path / "new" / "painted.png"

    result = cai("stylize", photo, painting, "--out", out, *SMALL)

    assert result.code == 0, result.errors
    assert read_picture(out).shape == (48, 64, 3)
    assert "painted.png: 64 x 48, 3 evaluations of cai_vgg" in result.output
    content = np.asarray(Image.open(photo).resize((64, 48))) / 255
    assert np.abs(read_picture(out) - content).mean() > 0.01


def test_the_size_is_the_photographs_own_where_it_is_small(
    cai, photo, painting, tmp_path
):
    out = tmp_path / "painted.webp"

    result = cai("stylize", photo, painting, "--out", out, "--iterations", 1)

    assert result.code == 0, result.errors
    assert read_picture(out).shape == (60, 80, 3)


def test_every_option_of_the_search_arrives(cai, photo, painting, monkeypatch):
    seen = []
    monkeypatch.setattr(
        stylize_search, "search", lambda *arguments: seen.append(arguments)
    )
    options = {
        "iterations": 7, "style-weight": 2.5, "smooth": 0.1, "features": "random_vgg",
        "pooling": "max", "start": "noise", "minimiser": "adam", "seed": 3,
        "tile": 256,
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]

    result = cai("stylize", photo, painting, "--out", "x.png", "--size", 70, *flags)

    assert result.code == 0, result.errors
    ((content, style, out, asked),) = seen
    assert content.shape == (52, 70, 3)
    assert style.shape == (90, 50, 3)
    assert out.name == "x.png"
    assert asked == stylize_search.Search(7, 2.5, 0.1, "random_vgg", "max", "noise",
                                          "adam", 3, 256)  # fmt: skip


def test_the_defaults_that_the_help_names_are_those_of_the_search(cai):
    assert stylize_search.Search() == stylize_search.Search(
        200, 1.0, 0.0, "cai_vgg", "average", "content", "lbfgs", 0, 512
    )


def test_another_seed_gives_another_picture_from_noise_and_the_same_one_the_same(
    cai, photo, painting, tmp_path
):
    found = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / f"{number}.png"
        options = ("--start", "noise", "--seed", seed, *SMALL)
        assert cai("stylize", photo, painting, "--out", out, *options).code == 0
        found.append(read_picture(out))

    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).mean() > 0.05


def test_ctrl_c_writes_the_picture_as_far_as_it_is(
    cai, photo, painting, tmp_path, monkeypatch
):
    out = tmp_path / "painted.png"
    evaluate = minimisation.WholePicture.__call__
    calls = []

    def interrupted(self, picture):
        calls.append(picture)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return evaluate(self, picture)

    monkeypatch.setattr(minimisation.WholePicture, "__call__", interrupted)

    result = cai("stylize", photo, painting, "--out", out, "--size", 64)

    assert result.code == 1
    assert "interrupted after 3 of 200 evaluations" in result.errors
    assert str(out) in result.errors
    assert read_picture(out).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{photo}",), "expected two pictures, CONTENT STYLE"),
        (("{photo}", "{painting}", "{photo}"), "more pictures need --model"),
        (("{photo}", "{painting}", "--out", "a.gif"), "a.gif: cannot write .gif"),
        (("{photo}", "{painting}", "--out", "{photo}"), "one of the pictures"),
        (("{photo}", "{painting}", "--pooling", "mean"), "--pooling: unknown name"),
        (("{photo}", "{painting}", "--start", "contents"), "did you mean 'content'?"),
        (("{photo}", "{painting}", "--minimiser", "adma"), "did you mean 'adam'?"),
        (("{photo}", "{painting}", "--style-weight", "0"), "--style-weight: expected"),
        (("{photo}", "{painting}", "--smooth", "-1"), "--smooth: expected >= 0"),
        (("{photo}", "{painting}", "--features", "cai_vg"), "did you mean 'cai_vgg'?"),
    ],
)
def test_wrong_requests_are_refused_in_a_line(
    cai, photo, painting, tmp_path, arguments, message
):
    names = {"photo": photo, "painting": painting}
    given = [argument.format(**names) for argument in arguments]
    if "--out" not in given:
        given += ["--out", tmp_path / "out.png"]

    result = cai("stylize", *given)

    assert result.code == 2
    assert message in result.errors
    assert len(result.errors.splitlines()) <= 2
    assert not (tmp_path / "out.png").exists()


def test_a_missing_or_broken_picture_is_named(cai, photo, folder, tmp_path):
    for path, message in (
        (tmp_path / "none.png", "no such file"),
        (folder / "notes.txt", "not a picture"),
    ):
        result = cai("stylize", photo, path, "--out", tmp_path / "out.png")
        assert result.code == 1
        assert f"{path}: {message}" in result.errors


def test_a_stripe_is_too_narrow_for_features(cai, painting, tmp_path):
    stripe = write_picture(tmp_path / "stripe.png", 10, 600)

    result = cai("stylize", stripe, painting, "--out", tmp_path / "out.png")

    assert result.code == 2
    assert "512 x 9 pixels; expected sides of at least 32" in result.errors


# By a network.


def test_a_folder_goes_through_a_network_and_bad_pictures_are_named(
    cai, model, folder, tmp_path
):
    out = tmp_path / "painted"

    result = cai("stylize", "--model", model, folder, "--out", out)

    assert result.code == 1
    assert "left out:" in result.errors
    assert "broken.jpg" in result.errors
    assert "1 of 3 pictures left out; the others are written" in result.errors
    assert "2 of 3 pictures in" in result.output
    assert all(line.rstrip(", ") == line for line in result.output.splitlines())
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]
    assert read_picture(out / "a.png").shape == (45, 62, 3)
    assert read_picture(out / "b.png").shape == (41, 53, 3)


def test_one_picture_may_be_written_to_a_file_and_made_smaller_before(
    cai, model, photo, tmp_path
):
    out = tmp_path / "painted.jpg"

    result = cai("stylize", "--model", model, photo, "--out", out, "--size", 48)

    assert result.code == 0, result.errors
    assert read_picture(out).shape == (36, 48, 3)


def test_the_file_of_a_network_that_enlarges_makes_pictures_larger(
    cai, photo, tmp_path
):
    path = tmp_path / "enlarge.keras"
    build_super_resolution(4, 4, 1).save(path)

    result = cai("stylize", "--model", path, photo, "--out", tmp_path / "large")

    assert result.code == 0, result.errors
    assert read_picture(tmp_path / "large" / "photo.jpg").shape == (240, 320, 3)


def test_a_picture_that_is_too_small_for_the_network_is_left_out(
    cai, model, photo, tmp_path
):
    tiny = write_picture(tmp_path / "tiny.png", 5, 8)
    out = tmp_path / "painted"

    result = cai("stylize", "--model", model, tiny, photo, "--out", out)

    assert result.code == 1
    assert f"{tiny}: a picture of 8 x 5 pixels is too small" in result.errors
    assert [path.name for path in out.iterdir()] == ["photo.jpg"]


@pytest.fixture
def models(tmp_path, model):
    """Models that cannot be used."""
    classifier = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    classifier.save(tmp_path / "classifier.keras")
    fixed = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU()])
    fixed.save(tmp_path / "fixed.keras")
    (tmp_path / "damaged.keras").write_bytes(b"no archive")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("classifier.keras", 2, "expected a network from pictures to pictures"),
        ("fixed.keras", 2, "received one for 8 x 8"),
        ("damaged.keras", 1, "damaged.keras: cannot be loaded"),
        ("empty", 2, "expected a run's folder with one exported network, found none"),
        ("photo.jpg", 2, "expected a run's folder or a .keras file"),
        ("none", 2, "no such run or file"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(
    cai, photo, models, name, code, message
):
    result = cai("stylize", "--model", models / name, photo, "--out", models / "out")

    assert result.code == code
    assert message in result.errors
    assert not (models / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{folder}", "--iterations", "5"), "--iterations is for optimisation"),
        (("{folder}", "--style-weight", "5"), "--style-weight is for optimisation"),
        (("{folder}", "--out", "a.png"), "expected a folder for several pictures"),
        (("{folder}", "--out", "{photo}"), "expected a folder for several pictures"),
        (("{folder}", "--out", "{folder}"), "one of the pictures that are read"),
        (("{folder}/a.png", "{folder}/../a.png"), "would both become"),
        (("{empty}",), "no pictures in this folder"),
        (("{folder}", "--out", "{folder}/plain"), "is a file; expected a folder"),
    ],
)
def test_nothing_is_lost_by_a_wrong_request(
    cai, model, folder, photo, tmp_path, arguments, message
):
    (tmp_path / "empty").mkdir()
    (folder / "plain").write_text("kept")
    write_picture(tmp_path / "a.png", 44, 44)
    names = {"folder": folder, "photo": photo, "empty": tmp_path / "empty"}
    given = [argument.format(**names) for argument in arguments]
    if "--out" not in given:
        given += ["--out", tmp_path / "out"]
    before = {path: path.read_bytes() for path in folder.iterdir()}

    result = cai("stylize", "--model", model, *given)

    assert result.code == 2
    assert message in result.errors
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
