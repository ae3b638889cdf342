"""`cai figure` on records without checkpoints: what is drawn, named and left alone."""

import json
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cai_keras.cli import papers
from cai_keras.reporting import pictures
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.config import resolved_yaml

PAPER = "siamese_one_shot"
UNTRAINED = {
    "variant": "pixels", "run_name": "pixels", "steps_planned": 0, "steps_done": 0,
}  # fmt: skip


@pytest.fixture
def write(tmp_path, siamese_record):
    """Function from an accuracy and changed fields to a run without a checkpoint."""

    def make(accuracy, **changes):
        record = siamese_record(accuracy, **changes)
        place = (record.paper, record.scale, record.run_name, record.seed)
        folder = RunFolder.of(tmp_path, *place)
        write_record(folder.record_path, record)
        recipe = papers.find_paper(PAPER).recipe(record.scale, record.variant)
        folder.config_path.write_text(resolved_yaml(recipe, record.seed))
        name = "validation/one_shot_accuracy_percent"
        rows = [f"{step},{name},{accuracy - 100 / step}" for step in (100, 200)]
        folder.metrics_path.write_text("\n".join(["step,metric,value", *rows, ""]))
        return folder

    return make


@pytest.fixture
def output(tmp_path, write):
    """Two seeds of `conv` and one run of `pixels`, all small."""
    for seed in (0, 1):
        write(80.0 + seed, seed=seed)
    write(20.0, **UNTRAINED)
    return tmp_path


@pytest.fixture
def figures(output):
    """Where the figures over the runs of `output` go."""
    return output / PAPER / "small" / "figures" / "glyphs"


@pytest.fixture
def drawn(monkeypatch):
    """The variants of every group that the figure `accuracies` was drawn of."""
    seen = []
    functions = papers.figures_of(papers.find_paper(PAPER))

    def draw(runs):
        seen.append([run.record.variant for run in runs])
        return functions["accuracies"](runs)

    changed = {**functions, "accuracies": draw}
    monkeypatch.setattr(papers, "figures_of", lambda paper: changed)
    return seen


def test_the_list_has_what_the_papers_file_says(cai):
    rows = json.loads(cai("figure", PAPER, "--list", "--json").output)

    assert [(row["figure"], row["of"]) for row in rows] == [
        ("trials", "run"), ("filters", "run"), ("accuracies", "runs"),
        ("progress", "runs"),
    ]  # fmt: skip
    assert {row["paper"] for row in rows} == {PAPER}
    assert all(row["source"] and row["caption"] for row in rows)


def test_the_list_without_a_paper_is_of_all_papers(cai):
    rows = json.loads(cai("figure", "--list", "--json").output)

    found = papers.find_papers(["all"])
    assert [(row["paper"], row["figure"]) for row in rows] == [
        (paper.slug, figure.id) for paper in found for figure in paper.file.figures
    ]


def test_the_list_of_one_figure_is_its_line(cai):
    text = cai("figure", f"{PAPER}:accuracies", "--list").output

    assert "Table 2, as bars" in text
    assert "progress" not in text


def test_png_is_the_default(cai, output, figures):
    result = cai("figure", f"{PAPER}:accuracies", "--output", output)

    assert (result.code, result.errors) == (0, "")
    assert result.output == f"{figures / 'accuracies.png'}\n"
    assert [path.name for path in figures.iterdir()] == ["accuracies.png"]


def test_the_same_records_give_the_same_files(cai, output, figures):
    command = ("figure", f"{PAPER}:progress", "--format", "svg,png", "--output", output)
    names = [figures / "progress.svg", figures / "progress.png"]

    assert cai(*command).output.splitlines() == list(map(str, names))
    first = [name.read_bytes() for name in names]
    cai(*command)

    assert [name.read_bytes() for name in names] == first
    assert b"glyphs (stand-in), small scale" in first[0]  # text as text
    assert first[1].startswith(b"\x89PNG")


def test_figures_over_runs_are_tensorboard_images(cai, output, figures):
    cai("figure", f"{PAPER}:accuracies", "--output", output)

    place = output / "summary" / figures.relative_to(output)
    events = EventAccumulator(str(place), size_guidance={"tensors": 0}).Reload()
    (event,) = events.Tensors("figures/accuracies")
    png = (figures / "accuracies.png").read_bytes()
    assert event.tensor_proto.string_val[2] == png


def test_runs_without_a_checkpoint_are_named_and_do_not_stop_the_others(
    cai, output, figures
):
    result = cai("figure", PAPER, "--variant", "conv", "--output", output)

    *named, error = result.errors.splitlines()
    folders = [RunFolder.of(output, PAPER, "small", "conv", seed) for seed in (0, 1)]
    assert result.code == 1
    assert named == [
        f"not drawn: {folder.path}: no checkpoint; train the run again"
        for folder in folders
    ]
    assert error == "cai: error: 2 not drawn; the other figures are written"
    assert sorted(path.name for path in figures.iterdir()) == [
        "accuracies.png",
        "progress.png",
    ]


def test_nothing_drawn_at_all_is_wrong_usage(cai, output):
    target = f"{PAPER}:filters"

    result = cai("figure", target, "--variant", "conv", "--output", output)

    *named, error = result.errors.splitlines()
    assert (result.code, len(named)) == (2, 2)
    assert error == f"cai: error: {output}: no run to draw {target} from"


def test_a_figure_that_has_nothing_to_show_says_why_and_is_no_failure(
    cai, output, write, figures
):
    write(19.0, scale="paper", **UNTRAINED)

    result = cai("figure", f"{PAPER}:progress", "--output", output)

    place = output / PAPER / "paper" / "figures" / "glyphs" / "progress"
    reason = "no run was validated while it trained"
    assert (result.code, result.errors) == (0, f"not drawn: {place}: {reason}\n")
    assert result.output == f"{figures / 'progress.png'}\n"
    assert not place.with_suffix(".png").exists()


def test_a_figure_that_fails_leaves_its_older_file(cai, output, figures):
    cai("figure", f"{PAPER}:progress", "--output", output)
    before = (figures / "progress.png").read_bytes()
    damaged = RunFolder.of(output, PAPER, "small", "conv", 0).metrics_path
    damaged.write_text("no,table\n")

    result = cai(
        "figure", PAPER, "--variant", "conv", "--scale", "small", "--output", output
    )

    assert result.code == 1
    expected = "expected a table with the columns step, metric, value"
    named = f"not drawn: {figures / 'progress'}: {damaged}: {expected}"
    assert named in result.errors.splitlines()
    assert str(figures / "accuracies.png") in result.output
    assert (figures / "progress.png").read_bytes() == before


def test_a_format_that_fails_leaves_the_older_files_of_all(
    cai, output, figures, monkeypatch
):
    command = ("figure", f"{PAPER}:progress", "--format", "png,svg", "--output", output)
    cai(*command)
    before = {path.name: path.read_bytes() for path in figures.iterdir()}

    def broken(figure):
        raise NothingToDraw("no SVG today")

    shutil.rmtree(RunFolder.of(output, PAPER, "small", "conv", 1).path)
    monkeypatch.setitem(pictures.FORMATS, "svg", broken)
    result = cai(*command)

    assert result.code == 2
    assert {path.name: path.read_bytes() for path in figures.iterdir()} == before


def test_a_damaged_record_is_named_and_left_out(cai, output, figures, drawn):
    path = RunFolder.of(output, PAPER, "small", "conv", 1).record_path
    path.write_text("{")

    result = cai("figure", f"{PAPER}:accuracies", "--output", output)

    named, error = result.errors.splitlines()
    assert result.code == 1
    assert named.startswith(f"left out: {path}: ")
    assert error == (
        "cai: error: 1 damaged file left out; the other figures are written"
    )
    assert drawn == [["conv", "pixels"]]
    assert (figures / "accuracies.png").exists()


@pytest.mark.parametrize(
    ("options", "groups"),
    [
        ([], [["pixels"], ["conv", "conv", "pixels"]]),
        (["--variant", "pixels"], [["pixels"], ["pixels"]]),
        (["--variant", "pixels,conv"], [["pixels"], ["conv", "conv", "pixels"]]),
        (["--variant", "conv", "--scale", "small"], [["conv", "conv"]]),
        (["--scale", "paper"], [["pixels"]]),
    ],
)
def test_scale_and_variant_narrow_the_runs(cai, output, write, drawn, options, groups):
    write(19.0, scale="paper", **UNTRAINED)

    cai("figure", f"{PAPER}:accuracies", *options, "--output", output)

    assert drawn == groups


def test_unfinished_and_smoke_runs_are_in_no_figure_over_runs(cai, tmp_path, write):
    write(50.0, state="failed", reason="the loss is nan")
    write(60.0, scale="smoke")

    result = cai("figure", f"{PAPER}:accuracies", "--output", tmp_path)

    assert result.code == 2
    assert "no run above the scale smoke to draw" in result.errors


@pytest.mark.parametrize(
    ("options", "said"), [((), ""), (("--scale", "paper"), " with these options")]
)
def test_without_a_finished_run_the_error_says_how_to_get_one(
    cai, tmp_path, write, options, said
):
    write(50.0, state="interrupted")

    result = cai("figure", PAPER, *options, "--output", tmp_path)

    assert result.code == 2
    assert f"no finished run of {PAPER}{said}; cai train {PAPER}" in result.errors
