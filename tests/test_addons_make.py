"""The environment of tensorflow-addons is installed once, and whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.addons import make

SCRIPT = Path(make.__file__)


class FakeRun:
    """Notes commands; makes what `venv` would make; fails where it is told to."""

    def __init__(self, fails_at=None):
        self.commands, self.environments, self.fails_at = [], [], fails_at

    def __call__(self, command, environment):
        self.commands.append(list(command))
        self.environments.append(environment)
        if "venv" in command:
            folder = Path(command[-1])
            folder.mkdir(parents=True)
            (folder / "pyvenv.cfg").touch()
        return 7 if self.fails_at and self.fails_at in command else 0


def make_in(tmp_path, run, **options):
    make.make(tmp_path / "env", tmp_path, "python3.11", run=run, **options)


def test_it_makes_installs_and_measures_in_this_order(tmp_path):
    run = FakeRun()
    make_in(tmp_path, run, rounds=5)

    inside = str(tmp_path / "env" / "bin" / "python")
    assert run.commands == [
        ["python3.11", "-m", "venv", str(tmp_path / "env")],
        [inside, "-m", "pip", "install", "-r", str(make.requirements())],
        [inside, "-s", str(SCRIPT.with_name("reference.py")),
         "--output", str(tmp_path), "--rounds", "5"],
    ]  # fmt: skip


def test_a_complete_environment_is_used_again(tmp_path):
    make_in(tmp_path, FakeRun())
    run = FakeRun()
    make_in(tmp_path, run)

    assert len(run.commands) == 1
    assert "reference.py" in run.commands[0][2]


def test_an_environment_of_other_requirements_is_made_anew(tmp_path, monkeypatch):
    make_in(tmp_path, FakeRun())
    monkeypatch.setattr(make, "digest", lambda: "of others")
    run = FakeRun()
    make_in(tmp_path, run)

    assert len(run.commands) == 3


def test_after_an_install_that_failed_all_begins_again(tmp_path):
    with pytest.raises(make.MakeError, match="install tensorflow-addons: exit code 7"):
        make_in(tmp_path, FakeRun(fails_at="pip"))

    assert not make.is_complete(tmp_path / "env")
    run = FakeRun()
    make_in(tmp_path, run)
    assert len(run.commands) == 3


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "letter.txt").write_text("dear reader")

    with pytest.raises(make.MakeError, match="is there, and is none"):
        make_in(tmp_path, FakeRun())
    assert (tmp_path / "env" / "letter.txt").exists()


def test_nothing_of_this_environments_packages_gets_into_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    run = FakeRun()
    make_in(tmp_path, run)

    for environment in run.environments:
        assert "PYTHONPATH" not in environment
        assert "KERAS_BACKEND" not in environment
        assert environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_python_that_is_too_new_is_replaced_or_refused():
    assert make.find_python((3, 11)) == sys.executable
    assert make.find_python((3, 13), lambda name: f"/bin/{name}") == "/bin/python3.11"
    with pytest.raises(make.MakeError, match=r"need Python 3\.11; this is 3\.13"):
        make.find_python((3, 13), lambda name: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rounds": 1}, "2 or more"), ({"output": Path("nowhere")}, "no such folder")],
)
def test_wrong_options_are_refused_before_anything_is_run(tmp_path, options, message):
    run = FakeRun()
    with pytest.raises(make.MakeError, match=message):
        make.make(
            **{"environment": tmp_path, "output": tmp_path, "run": run, **options}
        )
    assert run.commands == []


def test_the_script_needs_no_installed_project():
    result = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "--environment" in result.stdout


def test_the_pins_are_those_that_the_documents_name():
    pins = dict(
        line.split("==")
        for line in make.requirements().read_text().splitlines()
        if line and not line.startswith("#")
    )

    assert pins["tensorflow"] == "2.15.1"
    assert pins["tensorflow-addons"] == "0.23.0"
    assert pins["numpy"].startswith("1.")
