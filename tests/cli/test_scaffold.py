"""`cai new`: what it refuses, and a new paper that trains at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cai_keras.cli import papers

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_package(tmp_path, monkeypatch):
    """A folder of papers without any paper, in place of `reproductions`."""
    monkeypatch.setattr(papers, "papers_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the library beside an empty `reproductions`, with `my_paper` made."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "cai_keras", folder / "cai_keras")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "reproductions").mkdir()
    (folder / "reproductions" / "__init__.py").touch()
    done = _cai(folder, "new", "my_paper")
    assert done.returncode == 0, done.stderr
    return folder


def _cai(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "cai_keras", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "slug",
    ["MyPaper", "my-paper", "1st_paper", "_paper", "paper_", "a__b", "../x", "a.b", ""],
)
def test_a_slug_that_is_no_module_name_is_refused(cai, empty_package, slug):
    result = cai("new", slug)

    assert result.code == 2
    assert "expected lower case words joined by _" in result.errors
    assert list(empty_package.iterdir()) == []


def test_the_word_that_means_every_paper_is_refused(cai, empty_package):
    result = cai("new", "all")

    assert result.code == 2
    assert "'all' is every paper" in result.errors


def test_an_existing_folder_is_refused_and_kept(cai, empty_package):
    (empty_package / "my_paper").mkdir()
    (empty_package / "my_paper" / "notes.txt").write_text("mine")

    result = cai("new", "my_paper")

    assert result.code == 2
    assert "is there already" in result.errors
    assert (empty_package / "my_paper" / "notes.txt").read_text() == "mine"


def test_the_new_folder_has_the_files_of_every_paper(cai, empty_package):
    result = cai("new", "my_paper")

    names = {path.name for path in (empty_package / "my_paper").iterdir()}
    assert names == {"README.md", "__init__.py", "config.yaml", "experiment.py"}
    assert "next: cai train my_paper --scale smoke" in result.output
    assert [path.name for path in empty_package.iterdir()] == ["my_paper"]


def test_no_placeholder_of_the_name_is_left(cai, empty_package):
    cai("new", "my_paper")

    texts = [path.read_text() for path in (empty_package / "my_paper").iterdir()]
    assert not any("SLUG" in text for text in texts)


def test_the_new_paper_is_listed_and_shown(project):
    (paper,) = json.loads(_cai(project, "list", "--json").stdout)

    assert paper["slug"] == "my_paper"
    assert paper["claims"] == "0 value, 1 effect"
    assert _cai(project, "show", "my_paper").returncode == 0


def test_the_new_paper_declares_the_figures_that_it_draws(project):
    done = _cai(project, "figure", "my_paper", "--list", "--json")

    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_the_new_paper_trains_and_leaves_finished_records(project):
    done = _cai(project, "train", "my_paper", "--scale", "smoke")

    assert done.returncode == 0, done.stderr
    for variant in ("digits_wide", "digits_narrow"):
        run = project / "runs" / "my_paper" / "smoke" / variant / "seed0"
        record = json.loads((run / "record.json").read_text())
        assert (record["state"], record["steps_done"]) == ("done", 4)
        # scikit-learn's digits stand in for the MNIST that the template names.
        assert record["dataset"]["stand_in"] is True
        accuracy = record["metrics"]["test/accuracy_percent"]
        assert 0 <= accuracy["value"] <= 100
        assert accuracy["count"] == record["dataset"]["examples"]["test"]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_the_new_code_passes_ruff_with_the_projects_settings(project, command):
    ruff = Path(sys.executable).with_name("ruff")

    done = subprocess.run(
        [ruff, *command, "--no-cache", "reproductions/my_paper"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
