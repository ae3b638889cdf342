"""Shared set-up: an own TFDS folder, no display, and real data only where asked for."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture(scope="session", autouse=True)
def tfds_folder(tmp_path_factory):
    """Prepared data sets of this session; TFDS_DATA_DIR of the shell is kept."""
    folder = os.environ.get("TFDS_DATA_DIR")
    if folder is None:
        folder = str(tmp_path_factory.mktemp("tfds"))
        os.environ["TFDS_DATA_DIR"] = folder
    return Path(folder)


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images that CAI_REAL_DATA names; skips without it."""
    folder = os.environ.get("CAI_REAL_DATA")
    if not folder:
        pytest.skip("real images are not part of the project: set CAI_REAL_DATA")
    return Path(folder)
