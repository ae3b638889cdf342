"""`cai sample`: pictures of a run as a grid, arrays or a folder, and refusals."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops
from PIL import Image

from cai_keras.cli import papers
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.config import resolved_yaml

# All that a paper needs: without `build` there is nothing that could load data.
# `digits_wide` has classes, `digits_narrow` has none.
EXPERIMENT = """
from cai_keras.data.latents import LatentSpace
from cai_keras.generation.sampler import Sampler

def sampler(recipe, networks):
    names = ("coat", "T-shirt/top", "boot") if recipe.variant == "digits_wide" else None
    space = LatentSpace(6, "uniform")
    return Sampler(networks["generator"], space, "tanh", names, batch_size=5)
"""


def build_generator(has_classes):
    """2 x 3 pixels, 0.2 + label / 4 and as much as 0.1 more or less by the latent."""
    latent, label = keras.Input((6,)), keras.Input((), dtype="int32")
    shade = ops.cast(label, "float32")[:, None] / 2 if has_classes else 0.0
    picture = layers.Reshape((2, 3, 1))(latent / 5 - 0.6 + shade)
    return keras.Model([latent, label] if has_classes else latent, picture)


@pytest.fixture(scope="module")
def package(cai, tmp_path_factory):
    """A package of papers: `drawn` has a sampler, `judged` has none."""
    folder = tmp_path_factory.mktemp("project") / "papers_that_draw"
    folder.mkdir()
    (folder / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "PACKAGE", folder.name)
        patch.syspath_prepend(folder.parent)
        for slug in ("drawn", "judged"):
            assert cai("new", slug).code == 0
        (folder / "drawn" / "experiment.py").write_text(EXPERIMENT)
        yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


@pytest.fixture
def make_run(package, make_record, tmp_path):
    """Function from a paper, a variant and record's fields to the folder of a run."""

    def make(paper="drawn", variant="digits_wide", **changes):
        recipe = papers.find_paper(paper).recipe("smoke", variant)
        folder = RunFolder.of(tmp_path / "runs", paper, "smoke", variant, 0)
        names = {"paper": paper, "variant": variant, "run_name": variant}
        record = make_record(scale="smoke", **names, **changes)
        write_record(folder.record_path, record)
        folder.config_path.write_text(resolved_yaml(recipe, 0))
        folder.checkpoints.mkdir()
        generator = build_generator(variant == "digits_wide")
        generator.save(folder.checkpoints / "generator.keras")
        return folder.path

    return make


@pytest.fixture
def run(make_run):
    """A finished run of a generator with three classes."""
    return make_run()


def drawn(cai, run, out, *options):
    """The arrays of `cai sample`, and what it printed."""
    result = cai("sample", run, "--out", out, *options)
    assert result.code == 0, result.errors
    with np.load(out, allow_pickle=False) as file:
        return dict(file), result.output


def expected_pictures(latents, labels):
    """By hand: tanh's -1 to 1 become 0 to 1, then 256 levels."""
    values = latents / 5 - 0.6 + labels[:, None] / 2
    return np.round(255 * (values + 1) / 2).reshape(-1, 2, 3, 1)


# What is written.


def test_arrays_hold_pictures_and_what_they_were_made_from(cai, run, tmp_path):
    found, printed = drawn(cai, run, tmp_path / "new" / "some.npz", "--n", 7)

    types = {name: array.dtype.kind for name, array in found.items()}
    assert types == {"pictures": "u", "labels": "i", "latents": "f", "class_names": "U"}
    assert found["labels"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert found["class_names"].tolist() == ["coat", "T-shirt/top", "boot"]
    assert (found["latents"].dtype, found["latents"].shape) == (np.float32, (7, 6))
    assert (found["pictures"].dtype, found["labels"].dtype) == (np.uint8, np.int32)
    # Two batches, of 5 and of 2; a level more or less is rounding.
    expected = expected_pictures(found["latents"], found["labels"])
    np.testing.assert_allclose(found["pictures"], expected, atol=1)
    assert printed.splitlines()[-1] == (
        f"{tmp_path / 'new' / 'some.npz'}: 7 pictures of 3 x 2, all 3 classes, seed 0"
    )


def test_a_grid_is_the_arrays_row_by_row(cai, run, tmp_path):
    found, _ = drawn(cai, run, tmp_path / "some.npz", "--n", 6)
    out = tmp_path / "some.png"

    result = cai("sample", run, "--out", out, "--n", 6, "--columns", 3, "--scale", 2)

    assert result.code == 0, result.errors
    grid = np.asarray(Image.open(out))
    # Rows of 4 pixels, columns of 6, and gaps of 2.
    assert grid.shape == (4 + 2 + 4, 6 + 2 + 6 + 2 + 6, 3)
    np.testing.assert_array_equal(grid[6::2, 16::2, 1], found["pictures"][5, ..., 0])


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_grid_may_have_another_format(cai, run, tmp_path, suffix):
    out = tmp_path / f"some{suffix}"

    assert cai("sample", run, "--out", out, "--n", 4, "--grid").code == 0

    assert Image.open(out).size == (3 + 2 + 3, 2 + 2 + 2)


def test_a_folder_gets_a_file_for_each_picture_named_by_its_class(cai, run, tmp_path):
    found, _ = drawn(cai, run, tmp_path / "some.npz", "--n", 4)
    out = tmp_path / "many"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "0001_T-shirt_top.png").write_text("old")

    result = cai("sample", run, "--out", out, "--n", 4)

    assert result.code == 0, result.errors
    assert sorted(path.name for path in out.iterdir()) == [
        "0000_coat.png", "0001_T-shirt_top.png", "0002_boot.png", "0003_coat.png",
        "notes.txt",
    ]  # fmt: skip
    picture = np.asarray(Image.open(out / "0001_T-shirt_top.png"))
    np.testing.assert_array_equal(picture[..., :1], found["pictures"][1])
    assert (out / "notes.txt").read_text() == "mine"


def test_separate_makes_a_folder_of_any_name(cai, run, tmp_path):
    out = tmp_path / "version.2"

    assert cai("sample", run, "--out", out, "--n", 1, "--separate").code == 0

    assert [path.name for path in out.iterdir()] == ["0000_coat.png"]


def test_pictures_of_two_calls_do_not_mix_in_a_folder(cai, run, tmp_path):
    out = tmp_path / "many"
    assert cai("sample", run, "--out", out, "--n", 3).code == 0
    before = {path: path.read_bytes() for path in out.iterdir()}

    result = cai("sample", run, "--out", out, "--n", 2, "--seed", 1)

    assert result.code == 2
    assert "has pictures of another call, such as 0002_boot.png" in result.errors
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_generator_without_classes_has_no_labels(cai, make_run, tmp_path):
    run = make_run(variant="digits_narrow")

    found, printed = drawn(cai, run, tmp_path / "some.npz")

    assert set(found) == {"pictures", "latents"}
    assert len(found["pictures"]) == 64
    assert "64 pictures of 3 x 2, no classes, seed 0" in printed
    assert cai("sample", run, "--out", tmp_path / "many", "--n", 1).code == 0
    assert [path.name for path in (tmp_path / "many").iterdir()] == ["0000.png"]


def test_a_run_may_be_named_by_its_record(cai, run, tmp_path):
    found, _ = drawn(cai, run / "record.json", tmp_path / "some.npz", "--n", 1)

    assert found["labels"].tolist() == [0]


def test_many_pictures_show_their_progress_and_few_do_not(cai, run, tmp_path):
    _, many = drawn(cai, run, tmp_path / "a.npz", "--n", 1000, "--batch-size", 500)
    _, few = drawn(cai, run, tmp_path / "b.npz", "--n", 999, "--batch-size", 500)

    assert "sample: step 2 of 2" in many
    assert len(few.splitlines()) == 1


# What decides the pictures.


def test_the_first_pictures_of_a_seed_are_the_same_for_any_number_and_batch(
    cai, run, tmp_path
):
    many, _ = drawn(cai, run, tmp_path / "a.npz", "--n", 12, "--seed", 3)
    few, _ = drawn(
        cai, run, tmp_path / "b.npz", "--n", 4, "--seed", 3, "--batch-size", 3
    )
    other, _ = drawn(cai, run, tmp_path / "c.npz", "--n", 4, "--seed", 4)

    np.testing.assert_array_equal(few["latents"], many["latents"][:4])
    np.testing.assert_array_equal(few["pictures"], many["pictures"][:4])
    assert np.abs(few["latents"] - other["latents"]).min() > 0


def test_labels_are_numbers_or_names_and_come_in_turn(cai, run, tmp_path):
    options = ("--labels", "2, T-shirt/top", "--n", 5)

    found, printed = drawn(cai, run, tmp_path / "some.npz", *options)

    assert found["labels"].tolist() == [2, 1, 2, 1, 2]
    assert "classes 2 boot, 1 T-shirt/top, seed 0" in printed
    assert "class 1 T-shirt/top, seed 0" in cai(
        "sample", run, "--out", tmp_path / "one.png", "--n", 2, "--labels", 1
    ).output  # fmt: skip


def test_all_classes_make_rows_of_the_same_latent_vectors(cai, run, tmp_path):
    options = ("--labels", "all", "--columns", 2)
    found, _ = drawn(cai, run, tmp_path / "some.npz", *options)
    out = tmp_path / "some.png"

    result = cai("sample", run, "--out", out, *options)

    assert result.code == 0, result.errors
    assert found["labels"].tolist() == [0, 0, 1, 1, 2, 2]
    rows = found["latents"].reshape(3, 2, 6)
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[:1], rows.shape))
    assert np.abs(rows[:, 0] - rows[:, 1]).min() > 0
    # 3 rows of 2 pixels, 2 columns of 3, and gaps.
    grid = np.asarray(Image.open(out))
    assert grid.shape == (3 * 2 + 2 * 2, 2 * 3 + 2, 3)
    # A class more is 1/4 of 255 brighter.
    brighter = grid[4:6, :3].astype(int) - grid[:2, :3]
    np.testing.assert_allclose(brighter, 63.75, atol=1)


@pytest.mark.parametrize(
    ("options", "columns"), [((), 8), (("--n", 9), 3), (("--latents", "own.npy"), 4)]
)
def test_the_columns_of_all_classes_come_from_what_is_given(
    cai, run, tmp_path, monkeypatch, options, columns
):
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", np.zeros((4, 6)))

    found, _ = drawn(cai, run, tmp_path / "some.npz", "--labels", "all", *options)

    assert found["labels"].tolist() == [0] * columns + [1] * columns + [2] * columns


def test_own_latent_vectors_are_used_as_they_are(cai, run, tmp_path):
    own = np.linspace(-1, 1, 18).reshape(3, 6)
    np.save(tmp_path / "own.npy", own)
    options = ("--latents", tmp_path / "own.npy")

    found, printed = drawn(cai, run, tmp_path / "some.npz", *options)

    np.testing.assert_array_equal(found["latents"], own.astype(np.float32))
    expected = expected_pictures(own, np.arange(3))
    np.testing.assert_allclose(found["pictures"], expected, atol=1)
    assert f"latent vectors of {tmp_path / 'own.npy'}" in printed
    first, _ = drawn(cai, run, tmp_path / "first.npz", *options, "--n", 2)
    np.testing.assert_array_equal(first["pictures"], found["pictures"][:2])


# What is refused.


def assert_refused(result, message, code=2):
    assert message in result.errors
    assert result.code == code
    assert len(result.errors.splitlines()) <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--labels", "coot"), "unknown class 'coot'; did you mean 'coat'?"),
        (("--labels", "dress"), "expected one of: coat, T-shirt/top, boot"),
        (("--labels", "0,3"), "--labels: expected 0 to 2, found 3"),
        (("--labels", "all", "--n", "64"), "each of 3 classes; expected 63"),
        (("--labels", "all", "--n", "6", "--columns", "3"), "expected 9"),
        (("--columns", "3", "--out", "some.npz"), "--columns is for a grid"),
        (("--columns", "3", "--out", "many"), "--columns is for a grid"),
        (("--scale", "2", "--out", "some.npz"), "--scale: not with .npz"),
        (("--seed", "1", "--latents", "own.npy"), "--seed: not with --latents"),
        (("--n", "5", "--latents", "own.npy"), "--n 5: --latents has only 2 vectors"),
        (("--latents", "short.npy"), "expected vectors of 6 numbers, found 5"),
        (("--latents", "own.npy", "--labels", "all", "--columns", "3"), "the 2 vect"),
        (("--out", "some.npy"), "cannot write .npy; did you mean '.npz'?"),
        (("--out", "some.gif"), "cannot write .gif"),
        (("--out", "some.npz", "--grid"), "cannot write .npz; expected one of"),
        (("--out", "many", "--grid"), "--grid: expected a picture such as many.png"),
        (("--out", "some.png", "--separate"), "--separate: expected a folder"),
        (("--out", "plain"), "--out plain: is a file; expected a folder"),
        (("--n", "0"), "'--n'"),
        (("--seed", "-1"), "'--seed'"),
    ],
)
def test_wrong_requests_are_refused_in_a_line(
    cai, run, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    np.save("own.npy", np.zeros((2, 6)))
    np.save("short.npy", np.zeros((2, 5)))
    (tmp_path / "plain").write_text("mine")
    before = sorted(tmp_path.iterdir())
    out = () if "--out" in options else ("--out", "some.png")

    assert_refused(cai("sample", run, *out, *options), message)

    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "plain").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"no array", "not a file of numpy.save"),
        (np.zeros(6), "expected numbers (n, size), found float64 (6,)"),
        (np.zeros((0, 6)), "expected numbers (n, size), found float64 (0, 6)"),
        (np.array([["a"]]), "expected numbers (n, size), found <U1 (1, 1)"),
        (np.array([[{}]]), "not a file of numpy.save"),  # a pickle: never run
        (np.full((1, 6), np.nan), "expected finite numbers"),
    ],
)
def test_files_that_hold_no_latent_vectors_are_named(
    cai, run, tmp_path, content, message
):
    path = tmp_path / "own.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)

    result = cai("sample", run, "--out", tmp_path / "some.png", "--latents", path)

    assert_refused(result, f"{path}: {message}", code=1)


def test_labels_are_refused_where_there_are_no_classes(cai, make_run, tmp_path):
    run = make_run(variant="digits_narrow")

    for labels in ("0", "all"):
        result = cai("sample", run, "--out", tmp_path / "a.png", "--labels", labels)
        assert_refused(result, "--labels: this run's generator has no classes")


def test_a_paper_that_generates_nothing_is_refused_with_those_that_do(
    cai, make_run, tmp_path
):
    result = cai("sample", make_run("judged"), "--out", tmp_path / "a.png")

    assert_refused(result, "judged has no sampler; papers that have one: drawn\n")


def test_a_mere_network_is_refused_with_the_reason(cai, run, tmp_path):
    file = run / "checkpoints" / "generator.keras"

    result = cai("sample", file, "--out", tmp_path / "a.png")

    assert_refused(result, "does not say what its latent vectors are drawn from")


def test_a_run_that_is_not_done_is_refused(cai, make_run, tmp_path):
    run = make_run(state="interrupted", reason="stopped after step 1")

    result = cai("sample", run, "--out", tmp_path / "a.png")

    assert_refused(result, f"{run}: the run is interrupted, not done")


def test_a_run_without_its_network_says_how_to_get_it(cai, run, tmp_path):
    file = run / "checkpoints" / "generator.keras"
    file.unlink()

    result = cai("sample", run, "--out", tmp_path / "a.png")

    command = "cai train drawn --scale smoke --variant digits_wide"
    assert_refused(result, f"{file}: no such file; {command} makes it")


def test_a_damaged_network_is_named(cai, run, tmp_path):
    file = run / "checkpoints" / "generator.keras"
    file.write_bytes(b"no archive")

    result = cai("sample", run, "--out", tmp_path / "a.png")

    assert_refused(result, f"{file}: cannot be loaded", code=1)


def test_a_folder_without_a_run_is_refused(cai, tmp_path):
    result = cai("sample", tmp_path, "--out", tmp_path / "a.png")

    assert_refused(result, f"{tmp_path}: no run here")


def test_what_cannot_be_written_is_one_line(cai, run, tmp_path):
    (tmp_path / "plain").write_text("mine")
    out = tmp_path / "plain" / "a.png"

    assert_refused(
        cai("sample", run, "--out", out), f"{out}: cannot be written", code=1
    )


# What is found without TensorFlow.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def sampler(recipe, networks):\n    pass", True),
        ("from .drawing import sampler", True),
        ("from .drawing import make as sampler", True),
        ("from .drawing import sampler as make", False),
        ("def build(recipe, seed):\n    sampler = 3", False),
        ("import tensorflow as sampler_of_tests", False),
    ],
)
def test_a_sampler_is_found_in_the_text_of_a_paper(
    tmp_path, monkeypatch, text, expected
):
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "experiment.py").write_text(text)
    monkeypatch.setattr(papers, "papers_folder", lambda: tmp_path)

    assert papers.draws_pictures("drawn") is expected


def test_a_wrong_run_is_refused_without_tensorflow(make_record, tmp_path):
    names = {"paper": "unet", "variant": "unet", "run_name": "unet"}
    write_record(tmp_path / "record.json", make_record(**names))
    code = (
        "import sys; from cai_keras.cli.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    arguments = ["sample", tmp_path, "--out", tmp_path / "a.png"]

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "unet has no sampler" in done.stderr
    assert done.stdout == "[]\n"
