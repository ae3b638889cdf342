"""`cai bench machine`, `train`, `infer` and `resnet50` at the command line."""

import json
import subprocess
import sys

import pytest

from benchmarks import machine_bench, resnet50, suite

_IMPORTS = """
import json, sys
from cai_keras.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
heavy = {"tensorflow", "keras", "torch", "jax"}
print(json.dumps([code, sorted(heavy & set(sys.modules))]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["machine", "--help"], 0),
        (["train", "--help"], 0),
        (["infer", "--help"], 0),
        (["resnet50", "--help"], 0),
        (["infer", "gam"], 2),
        (["train", "gan", "--batch", "many"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_and_wrong_usage_import_no_framework(arguments, code):
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, "bench", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    *errors, last = done.stderr.splitlines()
    assert json.loads(last) == [code, []]
    assert len(errors) == (1 if code else 0)


def test_lists_are_separated_by_commas_and_options_reach_the_suite(
    cai, monkeypatch, tmp_path
):
    seen = []
    monkeypatch.setattr(suite, "run", lambda *arguments: seen.append(arguments))
    options = (
        "--scale", "smoke", "--variant", "ring", "--network", "generator,discriminator",
        "--batch", "auto", "--precision", "float32,mixed_bfloat16", "--xla", "off,on",
        "--backend", "tensorflow,jax", "--repeats", 3, "--seconds", 0.5, "--alive", 2,
        "--threads", 1, "--timeout", 60, "--max-batch", 16, "--output", tmp_path,
    )  # fmt: skip
    result = cai("bench", "infer", "gan", *options)
    assert (result.code, result.errors) == (0, "")
    ((asked, settings, folder, threads, logical_cpus, largest),) = seen
    assert (asked.kind, asked.slugs, asked.variants) == ("infer", ("gan",), ("ring",))
    assert asked.networks == ("generator", "discriminator")
    assert asked.batch_size is None
    assert asked.precisions == ("float32", "mixed_bfloat16")
    assert (asked.xla, asked.backends) == ((False, True), ("tensorflow", "jax"))
    assert (settings.repeats, settings.seconds) == (3, 0.5)
    assert (settings.alive, settings.timeout) == (2, 60.0)
    assert (folder, threads, logical_cpus, largest) == (tmp_path, 1, 1, 16)


def test_training_takes_a_strategy_and_data(cai, monkeypatch):
    seen = []
    monkeypatch.setattr(suite, "run", lambda *arguments: seen.append(arguments))
    options = ("--strategy", "mirrored", "--logical-cpus", 2, "--data", "real")
    assert cai("bench", "train", "gan", *options).code == 0
    ((asked, _, folder, _, logical_cpus, _),) = seen
    assert (asked.kind, asked.scale, asked.batch_size) == ("train", "paper", 32)
    assert (asked.strategy, asked.data, logical_cpus) == ("mirrored", "real", 2)
    assert str(folder) == "bench"


def test_machine_and_resnet50_pass_their_options_on(cai, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(machine_bench, "run", lambda *given: seen.append(given))
    monkeypatch.setattr(resnet50, "run", lambda *given: seen.append(given))
    path = tmp_path / "x.json"
    cai("bench", "machine", "--backend", "jax,torch", "--seconds", 1, "--json", path)
    cai("bench", "resnet50", "--batch", 4, "--side", 64, "--rounds", 3, "--xla", "on")
    assert seen == [
        (["jax", "torch"], 1.0, None, path),
        (4, 64, 3, 1, "float32", "on", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["infer", "gam"], "unknown paper 'gam'; did you mean 'gan'?"),
        (["train", "gan", "--variant", "rng"], "did you mean 'ring'?"),
        (["train", "gan", "--backend", "jaxx"], "did you mean 'jax'?"),
        (["machine", "--backend", "tensorflw"], "did you mean 'tensorflow'?"),
        (["infer", "gan", "--repeats", "1"], "--repeats"),
        (["resnet50", "--precision", "float23"], "did you mean 'float32'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_names_the_nearest_name(cai, arguments, message):
    result = cai("bench", *arguments)
    assert result.code == 2
    assert message in result.errors
