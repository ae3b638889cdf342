"""Imports point one way, and light modules stay light."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON_FILES = sorted(
    path
    for top in ("cai_keras", "reproductions", "benchmarks")
    for path in (ROOT / top).rglob("*.py")
)
# Package -> the packages of cai_keras that it may import. Everybody may import
# cai_keras.errors; a package may always import itself.
ALLOWED = {
    "layers": set(),
    "losses": set(),
    "metrics": set(),
    "data": set(),
    "reporting": set(),
    "networks": {"layers"},
    "training": {"layers", "losses", "metrics", "data", "reporting"},
    "stylization": {"layers", "losses", "metrics", "data", "networks", "training"},
    "generation": {
        "layers",
        "losses",
        "metrics",
        "data",
        "networks",
        "training",
        "reporting",
    },
    "cli": {"training", "data", "reporting", "stylization", "generation"},
}


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """(module, whether at import time) of every absolute or relative import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for inner in ast.walk(node)
    }
    found = []
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        early = id(node) not in late
        if isinstance(node, ast.Import):
            found += [(alias.name, early) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) + 1 - node.level]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append((module, early))
            found += [(f"{module}.{alias.name}", early) for alias in node.names]
    return found


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_package_may(path):
    parts = path.relative_to(ROOT).parts
    for module, _ in imports_of(path):
        top, _, rest = module.partition(".")
        assert top != "tests", "code never imports tests"
        if parts[0] == "cai_keras":
            assert top != "reproductions", "the library knows no paper"
            assert top != "benchmarks"
            if top == "cai_keras" and len(parts) > 2:
                package = rest.partition(".")[0]
                allowed = ALLOWED[parts[1]] | {parts[1], "errors", "__version__", ""}
                assert package in allowed, f"{parts[1]} may not import {module}"
        if parts[0] == "reproductions" and top == "reproductions":
            own = ".".join(parts[:2])
            assert module.startswith(own) or own.startswith(module), (
                f"a paper may not import another paper: {module}"
            )


@pytest.mark.parametrize("folder", ["reporting", "cli"])
def test_reporting_and_command_line_import_no_framework_at_import_time(folder):
    for path in (ROOT / "cai_keras" / folder).rglob("*.py"):
        for module, early in imports_of(path):
            heavy = module.split(".")[0] in {"tensorflow", "keras", "pandas"}
            assert not (early and heavy), f"{path.name} imports {module}"


@pytest.mark.parametrize("folder", ["layers", "losses", "metrics", "networks"])
def test_layers_losses_networks_and_metrics_do_not_need_tensorflow(folder):
    for path in (ROOT / "cai_keras" / folder).rglob("*.py"):
        for module, early in imports_of(path):
            assert not (early and module.split(".")[0] == "tensorflow"), path.name


def test_no_file_has_a_name_that_says_nothing():
    names = {path.name for path in PYTHON_FILES}
    assert not names & {"utils.py", "misc.py", "helpers.py", "common.py"}


def test_no_two_test_files_have_the_same_name():
    # pytest imports them by their name alone.
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_no_python_file_is_over_400_lines():
    long = [p.name for p in PYTHON_FILES if len(p.read_text().splitlines()) > 400]
    assert long == []


def test_this_python_is_one_that_the_project_supports():
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
