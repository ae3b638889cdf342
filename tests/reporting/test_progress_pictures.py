"""Pictures of a run's training as files, and as film strips."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import (
    chosen_steps,
    draw_film_strips,
    progress_of,
    write_progress,
)
from cai_keras.reporting.run_folder import RunFolder


def png(level):
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), level, np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def make_run(make_record, tmp_path):
    """Function from variant, seed and steps to a run with these pictures."""

    def make(variant, seed, *steps):
        folder = RunFolder(tmp_path / variant / f"seed{seed}")
        for step in steps:
            write_progress(folder, "made", step, png(seed))
        record = make_record(variant=variant, seed=seed)
        return SimpleNamespace(folder=folder, record=record)

    return make


def test_pictures_are_found_again_by_their_steps(make_run):
    run = make_run("method", 0, 900, 1000, 50)
    write_progress(run.folder, "made", 50, png(9))  # as a resumed run does

    found = progress_of(run.folder, "made")

    assert list(found) == [50, 900, 1000]
    assert np.asarray(Image.open(found[50])).max() == 9
    assert progress_of(run.folder, "other") == {}


def test_a_strip_is_of_the_first_seed_that_has_pictures(make_run):
    runs = [
        make_run("two", 1, 100, 200),
        make_run("one", 0),
        make_run("one", 2, 100, 200),
        make_run("two", 3, 100, 200),
        make_run("none", 0),
    ]

    axes = np.array(draw_film_strips(runs, "made").axes).reshape(2, 2)

    assert [row[0].get_ylabel() for row in axes] == ["one", "two"]
    assert [axis.get_title() for axis in axes[0]] == ["step 100", "step 200"]
    assert [row[0].images[0].get_array().max() for row in axes] == [2, 1]


def test_runs_without_pictures_have_no_strip(make_run):
    with pytest.raises(NothingToDraw, match="no run has kept pictures"):
        draw_film_strips([make_run("method", 0)], "made")


@pytest.mark.parametrize(
    ("steps", "chosen"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([10, 20, 30, 40, 50, 60, 70], [10, 30, 50, 70]),
        (list(range(101)), [0, 33, 67, 100]),
    ],
)
def test_the_first_and_the_last_step_are_always_shown(steps, chosen):
    assert chosen_steps(steps, 4) == chosen
