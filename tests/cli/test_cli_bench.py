"""`cai bench`: light until it measures, and errors of one line."""

import json
import subprocess
import sys
from functools import partial

import pytest

from cai_keras.cli import benchmark_package

_IMPORTS = """
import json, sys
from cai_keras.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
heavy = {"tensorflow", "keras", "torch"}
print(json.dumps([code, sorted(heavy & set(sys.modules))]), file=sys.stderr)
"""


def _run_alone(*arguments):
    """Output, errors, exit code and heavy modules of `cai ARGUMENTS`."""
    command = [sys.executable, "-c", _IMPORTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *errors, last = done.stderr.splitlines()
    code, heavy = json.loads(last)
    return done.stdout, errors, code, heavy


@pytest.mark.parametrize(
    "verb", ["engine", "layers", "report", "scenes", "compare", "score", "spread"]
)
def test_help_imports_no_tensorflow(verb):
    output, errors, code, heavy = _run_alone("bench", verb, "--help")

    assert (errors, code, heavy) == ([], 0, [])
    assert f"cai bench {verb}" in output


def test_an_unknown_network_is_one_line_before_tensorflow_is_imported():
    _, errors, code, heavy = _run_alone("bench", "engine", "--network", "resnet2")

    assert (code, heavy) == (2, [])
    assert errors == [
        "cai: error: --network: unknown name 'resnet2'; did you mean 'resnet20'?"
    ]


@pytest.mark.parametrize(
    ("option", "value"), [("--rounds", "1"), ("--steps", "0"), ("--batch", "0")]
)
def test_numbers_too_small_are_wrong_usage(cai, option, value):
    result = cai("bench", "engine", option, value)

    assert result.code == 2
    assert option in result.errors


def test_without_the_package_the_error_says_what_to_install(cai, monkeypatch):
    find = benchmark_package.importlib.util.find_spec

    def absent(name):
        if name.startswith("benchmarks"):
            raise ModuleNotFoundError(name)
        return find(name)

    monkeypatch.setattr(benchmark_package.importlib.util, "find_spec", absent)
    result = cai("bench", "engine")

    assert result.code == 2
    assert "the package 'benchmarks' is not installed" in result.errors


def test_engine_prints_a_table_and_writes_json(cai, monkeypatch, tmp_path):
    from benchmarks import resnet20

    tiny = {"side": 8, "filters": (4, 8), "blocks_per_stage": 1}
    make = partial(resnet20.make_workload, **tiny)
    monkeypatch.setattr(resnet20, "make_workload", make)
    sizes = ("--batch", 2, "--rounds", 2, "--steps", 1)
    path = tmp_path / "speed.json"
    result = cai("bench", "engine", "--network", "resnet20", *sizes, "--json", path)

    assert result.code == 0, result.errors
    assert "noise: largest spread" in result.output
    rows = json.loads(path.read_text())["rows"]
    assert [row["loop"] for row in rows] == [
        "engine",
        "engine, losses unchecked",
        "bare loop",
        "bare loop in the graph",
        "keras fit",
        "keras fit, fused batch norm",
        "pytorch eager channels-last",
    ]
    assert all(row["loop"] in result.output for row in rows)


def test_layers_gets_its_options_as_given(cai, monkeypatch):
    from benchmarks import layers

    seen = []
    monkeypatch.setattr(layers, "main", lambda: seen.append(sys.argv[1:]))
    result = cai("bench", "layers", "--rounds", 3)

    assert (result.code, seen) == (0, [["--rounds", "3"]])
