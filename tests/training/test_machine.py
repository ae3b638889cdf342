"""What a record says about the machine."""

import importlib.metadata
import os
import platform
import re
import subprocess

import numpy as np
import pytest

from cai_keras.training import machine


def test_the_machine_names_devices_memory_and_threads():
    found = machine.describe_machine()
    assert "/device:CPU:0" in found.devices
    assert found.cpu
    assert found.logical_cpus == len(os.sched_getaffinity(0))
    assert found.memory_bytes > 10**8
    assert found.intra_op_threads >= 1
    assert found.inter_op_threads >= 1


def test_versions_are_those_of_the_installed_packages():
    versions = machine.describe_machine().versions
    assert versions["python"] == platform.python_version()
    for package in ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets"):
        assert versions[package] == importlib.metadata.version(package)


def test_a_package_that_is_not_installed_is_said_to_be_so():
    assert machine._version("no-such-package-anywhere") == "not installed"


def test_the_commit_is_a_full_hash_or_unknown():
    found = machine.describe_machine()
    if found.commit is None:
        assert found.commit_is_dirty is None
    else:
        assert re.fullmatch(r"[0-9a-f]{40}", found.commit)
        assert found.commit_is_dirty in (True, False)


def test_a_folder_outside_a_repository_has_no_commit(tmp_path):
    assert machine._commit(tmp_path) == (None, None)


def test_a_folder_inside_somebody_elses_repository_has_no_commit(tmp_path):
    (tmp_path / ".git").mkdir()
    assert machine._commit(tmp_path / "site-packages") == (None, None)


def test_peak_memory_is_in_bytes_and_never_falls():
    before = machine.peak_memory_bytes()
    # TensorFlow and NumPy are loaded: well over 50 MB, under a terabyte.
    assert 50e6 < before < 1e12
    np.ones(10**6).sum()
    assert machine.peak_memory_bytes() >= before


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit: code, a text and a result."""
    for name in ("cai_keras/code.py", "README.md", "results/record.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("as committed")
    for arguments in (
        ("init",), ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-m", "first"),
    ):  # fmt: skip
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, stdout=-1)
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("name", "is_dirty"),
    [
        ("README.md", True),
        ("cai_keras/code.py", True),
        ("cai_keras/new.py", True),
        ("results/record.json", False),
        ("other_runs/record.json", False),
        ("pictures/photo.py", False),
    ],
)
def test_changed_files_and_new_code_are_changes_other_new_files_are_not(
    checkout, name, is_dirty
):
    assert machine._commit(checkout)[1] is False
    path = checkout / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")

    assert machine._commit(checkout)[1] is is_dirty
