"""README, CONTRIBUTING and docs are true: their commands run as they stand."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cai_keras.data.picture_files import fit_longer_side, picture_bytes
from cai_keras.data.style_pictures import load_style_pictures

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]


def blocks(path: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, path.read_text(), re.DOTALL | re.MULTILINE)


def commands(path: Path) -> list[str]:
    return [
        line
        for block in blocks(path, "sh")
        for line in block.splitlines()
        if line.startswith("cai ")
    ]


def set_up_commands() -> list[str]:
    lines = [line for b in blocks(ROOT / "README.md", "sh") for line in b.splitlines()]
    return [line for line in lines if line.startswith("python3 -m venv")]


def lay_out_pictures(folder: Path) -> None:
    """The files that docs/stylize.md speaks of."""
    pictures = load_style_pictures("embedded:pictures")
    (folder / "holiday").mkdir()
    files = {
        "photo.jpg": pictures.content["chelsea"],
        "painting.jpg": pictures.styles["tissue"],
        "holiday/beach.png": pictures.content["china"],
    }
    for name, picture in files.items():
        path = folder / name
        path.write_bytes(picture_bytes(fit_longer_side(picture, 160), path.suffix))


def run_cai(line: str, folder: Path) -> subprocess.CompletedProcess:
    arguments = shlex.split(line, comments=True)[1:]
    return subprocess.run(
        [sys.executable, "-m", "cai_keras", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def test_readme_has_exactly_two_set_up_commands():
    main_job, tests = set_up_commands()
    assert "cai train siamese_one_shot" in main_job
    assert tests.endswith("-m pytest -n 2 --dist loadfile")


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    assert set_up_commands()[1] in script.splitlines()


@pytest.mark.parametrize(
    "name",
    ["README.md", "docs/addons.md", "docs/benchmark_layers.md", "docs/compare.md",
     "docs/data.md", "docs/distributed.md",
     "docs/networks.md", "docs/results.md", "docs/runs.md", "docs/sample.md",
     "docs/scenes.md", "docs/stylize.md", "docs/tensorboard.md"],
)  # fmt: skip
def test_every_command_of_a_document_runs_in_its_order(name, tmp_path):
    ran = 0
    if name == "docs/stylize.md":
        lay_out_pictures(tmp_path)
    for line in commands(ROOT / name):
        if "# needs" in line:
            continue  # test_commands_on_real_data_run
        if "# serves" in line:
            continue  # tests/cli/test_tensorboard.py
        result = run_cai(line, tmp_path)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
        ran += 1
    assert ran > 0


@pytest.mark.real_data
def test_commands_on_real_data_run(real_data, tmp_path):
    (tmp_path / "omniglot").symlink_to(real_data / "omniglot")
    lines = [line for line in commands(ROOT / "README.md") if "# needs" in line]
    assert lines
    for line in lines:
        result = run_cai(line, tmp_path)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"


def test_the_commands_of_contributing_make_and_train_a_paper(tmp_path):
    # In a copy: `cai new` writes into the package.
    shutil.copytree(ROOT / "cai_keras", tmp_path / "cai_keras")
    (tmp_path / "reproductions").mkdir()
    (tmp_path / "reproductions" / "__init__.py").touch()
    lines = commands(ROOT / "CONTRIBUTING.md")
    assert len(lines) == 2
    for line in lines:
        result = run_cai(line, tmp_path)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"


@pytest.mark.slow
def test_the_main_job_ends_in_a_table_and_figures(tmp_path):
    line = set_up_commands()[0].split("&&")[-1].strip().removeprefix(".venv/bin/")
    result = run_cai(line, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "matching_beats_pixels" in result.stdout
    assert (tmp_path / "runs" / "TABLE.md").exists()
    figures = tmp_path / "runs" / "siamese_one_shot" / "small" / "figures" / "glyphs"
    assert {p.name for p in figures.glob("*.png")} == {"accuracies.png", "progress.png"}


def test_the_library_example_of_the_readme_runs():
    (code,) = blocks(ROOT / "README.md", "python")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert result.stdout.strip() == "(4, 5)", result.stderr


def test_the_library_examples_about_networks_run():
    printed = []
    for code in blocks(ROOT / "docs" / "networks.md", "python"):
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
        )
        assert result.returncode == 0, result.stderr
        printed += result.stdout.splitlines()
    # The receptive fields are Table 1 of Yu and Koltun 2016.
    assert printed == [
        "232.3 million multiply-adds", "True",
        "{'conv1_1': (1, 96, 128, 32), 'conv4_2': (1, 12, 16, 256)}",
        "cai_vgg 256", "True",
        "[3, 5, 9, 17, 33, 65, 67, 67]", "67",
    ]  # fmt: skip


def test_the_example_about_scenes_runs():
    (code,) = blocks(ROOT / "docs" / "scenes.md", "python")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    # The image is composed of its layers to the last bit.
    assert result.stdout.strip() == "(96, 96, 1) True", result.stderr


def test_links_between_documents_lead_somewhere():
    for path in [*DOCUMENTS, *ROOT.glob("reproductions/*/README.md")]:
        prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_a_papers_readme_is_short():
    for path in ROOT.glob("reproductions/*/README.md"):
        assert len(path.read_text().splitlines()) <= 40, path
