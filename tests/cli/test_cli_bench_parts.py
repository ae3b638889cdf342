"""`cai bench addons`, `input` and `scale`: options arrive, errors are one line."""

import sys

import pytest

from benchmarks import pipelines, scaling


def test_an_unknown_case_is_refused_before_anything_is_computed(cai):
    result = cai("bench", "addons", "--only", "maxot")

    assert result.code == 2
    assert "--only: unknown name 'maxot'; did you mean 'maxout'?" in result.errors


def test_the_options_of_input_arrive(cai, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(pipelines, "run", lambda *given: seen.append(given))
    path = tmp_path / "input.json"
    result = cai(
        "bench", "input", "resnet", "unet", "--variant", "a,b", "--variant", "c",
        "--scale", "smoke", "--data", "embedded:digits", "--seconds", "1.5",
        "--rounds", "3", "--json", path,
    )  # fmt: skip

    assert result.code == 0, result.errors
    asked = pipelines.Asked(
        ("resnet", "unet"), ("a", "b", "c"), "smoke", "embedded:digits", 1.5, 3
    )
    assert seen == [(asked, path)]


def test_without_options_all_papers_are_measured_at_the_small_scale(cai, monkeypatch):
    seen = []
    monkeypatch.setattr(pipelines, "run", lambda *given: seen.append(given))
    cai("bench", "input")

    assert seen == [(pipelines.Asked(), None)]


def test_the_options_of_scale_arrive(cai, monkeypatch):
    seen = []
    monkeypatch.setattr(scaling, "run", lambda *given: seen.append(given))
    result = cai(
        "bench", "scale", "unet", "--variant", "v", "--batch", "8", "--replicas", "1,4",
        "--devices", "real", "--workers", "1,2", "--mode", "weak", "--seconds", "1",
        "--repeats", "3", "--rounds", "1",
    )  # fmt: skip

    assert result.code == 0, result.errors
    asked = scaling.Asked(
        "unet", "v", "small", None, 8, (1, 4), "real", (1, 2), ("weak",), 1.0, 3, 1
    )
    assert seen == [(asked, None)]


def test_by_default_two_logical_devices_of_resnet_are_measured(cai, monkeypatch):
    seen = []
    monkeypatch.setattr(scaling, "run", lambda *given: seen.append(given))
    cai("bench", "scale")

    assert seen == [(scaling.Asked(), None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scale", "--replicas", "1,two"), "--replicas '1,two': expected numbers"),
        (("scale", "--devices", "virtual"), "--devices: unknown name 'virtual'"),
        (("scale", "--mode", "weka"), "--mode: unknown name 'weka'; did you mean"),
        (("scale", "resnett"), "unknown paper 'resnett'; did you mean 'resnet'?"),
        (("scale", "--scale", "tiny"), "--scale 'tiny': expected one of: smoke"),
        (("scale", "--json", "nowhere/a.json"), "--json nowhere/a.json: no folder"),
        (("input", "unnet"), "unknown paper 'unnet'; did you mean 'unet'?"),
        (("input", "unet", "--variant", "unett"), "--variant 'unett': did you mean"),
        (("input", "--json", "nowhere/a.json"), "--json nowhere/a.json: no folder"),
    ],
)
def test_wrong_usage_is_one_line(cai, arguments, message):
    result = cai("bench", *arguments)

    assert result.code == 2
    (line,) = result.errors.strip().splitlines()
    assert message in line


def test_layers_prints_a_table_where_it_is_asked_for(cai, monkeypatch):
    from benchmarks import layers

    row = layers._row_without("some_layer", "nothing is written that does the same")
    monkeypatch.setattr(layers, "measure_here", lambda layer, rounds: [row])
    result = cai("bench", "layers", "--table")

    assert (result.code, sys.argv[0] == "cai bench layers") == (0, False)
    assert "some_layer" in result.output
    assert "nothing is written that does the same" in result.output
