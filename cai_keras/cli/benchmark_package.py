"""The package `benchmarks`, which is beside this one, not in it."""

import importlib
import importlib.util
from types import ModuleType

from cai_keras.errors import UsageError

PACKAGE = "benchmarks"


def benchmark_module(name: str) -> ModuleType:
    """A module of the package.

    Raises:
        UsageError: it is not installed.
    """
    full = f"{PACKAGE}.{name}"
    try:
        spec = importlib.util.find_spec(full)
    except ModuleNotFoundError:  # not even the package
        spec = None
    if spec is None:
        raise UsageError(f"the package {PACKAGE!r} is not installed; pip install -e .")
    return importlib.import_module(full)
