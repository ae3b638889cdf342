"""The benchmark of scenes counts what several processes render."""

import re

import pytest

from benchmarks import scenes
from cai_keras.data.scenes.example import Settings


def test_rates_are_sums_over_processes_and_costs_are_means(monkeypatch):
    # Two workers: 30 images in 2 s and 10 in 1 s, with 1.5 s and 0.5 s of CPU.
    found = iter([(30, 2.0, 1.5), (10, 1.0, 0.5)])

    class Context:
        Barrier = Process = staticmethod(lambda *_, **__: Idle())
        Queue = staticmethod(lambda: Idle())

    class Idle:
        def start(self): ...

        def join(self): ...

        def get(self, timeout):
            return next(found)

    monkeypatch.setattr(scenes.multiprocessing, "get_context", lambda method: Context())

    row = scenes.measure(Settings(), 2, 2.0)

    # 15 + 10 images a second; 2 s of CPU for 40 images.
    assert row == {"processes": 2, "images_per_second": 25, "cpu_milliseconds": 50}


def test_one_process_and_several_are_measured(capsys):
    rows = scenes.run(side=16, processes=2, seconds=0.2)

    assert [row["processes"] for row in rows] == [1, 2]
    for row in rows:
        assert row["images_per_second"] > 0
        # A 16 x 16 image takes the CPU at least the time of its Python calls.
        assert 0.1 < row["cpu_milliseconds"] < 1000
    lines = capsys.readouterr().out.splitlines()
    pattern = r"16 x 16, {}: [\d,]+ images/s, [\d.]+ ms of CPU each"
    assert re.fullmatch(pattern.format("1 process"), lines[0])
    assert re.fullmatch(pattern.format("2 processes"), lines[1])


def test_a_side_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="side: expected 16 or more"):
        scenes.run(side=8)
