"""ResNet-50 against keras.applications': the comparison's arithmetic, and its loop."""

import json

import pytest

from benchmarks import resnet50
from cai_keras.errors import UsageError

ABOUT = {
    resnet50.OURS: {"parameters": 25_557_032, "sample_flops": 24e9},
    resnet50.KERAS: {"parameters": 25_583_592, "sample_flops": 24e9},
}


def test_the_ratio_is_of_paired_rounds():
    # Every round is 1.25 times as fast, whatever the machine did meanwhile.
    seconds = {resnet50.OURS: [4.0, 8.0, 4.0], resnet50.KERAS: [5.0, 10.0, 5.0]}
    found = resnet50.comparison(seconds, 40, ABOUT)
    assert (found["ratio"], found["ratio_95"]) == (1.25, [1.25, 1.25])
    ours, theirs = found["rows"]
    assert (ours["images_per_second"], theirs["images_per_second"]) == (10.0, 8.0)
    # Quartiles of 4, 4 and 8: 4 and 6.
    assert ours["spread_percent"] == 50.0
    assert ours["parameters"] == 25_557_032


def test_both_are_trained_and_the_result_is_written(monkeypatch, tmp_path, capsys):
    calls = []

    def make_calls(batch, side, precision, xla):
        calls.append((batch, side, precision, xla))
        return {name: calls.append for name in ABOUT}, ABOUT

    monkeypatch.setattr(resnet50, "_make_calls", make_calls)
    monkeypatch.setattr(resnet50, "_machine", lambda: {"cpu": "a CPU"})
    path = tmp_path / "resnet50.json"
    result = resnet50.run(2, 32, rounds=2, steps=3, json_file=path)
    assert json.loads(path.read_text()) == result
    # Both are warmed up by two steps; then two rounds of three steps each.
    assert calls == [(2, 32, "float32", False), 1, 1, 1, 1, 3, 3, 3, 3]
    output = capsys.readouterr().out
    assert "cai_keras over keras.applications:" in output
    assert "noise: largest spread" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float23"}, "--precision: unknown name"),
        ({"xla": "yes"}, "--xla: unknown name 'yes'; expected one of: off, on"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_built(options, message):
    with pytest.raises(UsageError, match=message):
        resnet50.run(**options)


@pytest.mark.slow
def test_both_networks_train_on_the_same_batch(tmp_path):
    result = resnet50.run(batch=2, side=32, rounds=2)
    ours, theirs = result["rows"]
    assert ours["parameters"] == 25_557_032
    # Keras has a bias in each of 53 convolutions: 26,560 numbers more.
    assert theirs["parameters"] == 25_557_032 + 26_560
    assert result["ratio"] > 0
