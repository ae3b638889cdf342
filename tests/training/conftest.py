"""Shared set-up of the training tests: the tiny paper, and a clean Keras."""

import importlib.util
import sys
from pathlib import Path

import keras
import pytest


@pytest.fixture(scope="session")
def tiny():
    """The module `tiny_experiment.py` beside this file."""
    name = "tiny_experiment"
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and Keras look classes up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def paper(tiny, tmp_path):
    """The tiny paper, written to a folder of its own."""
    return tiny.write_paper(tmp_path / "tiny")


@pytest.fixture(autouse=True)
def keras_as_it_was():
    """Precision and seeds do not leak from one test into the next."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")
