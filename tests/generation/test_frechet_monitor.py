"""The distance while a generator learns: its name, its parts, its number by hand."""

import numpy as np
import pytest

from cai_keras.generation import frechet_monitor
from cai_keras.generation.extractors import FeatureExtractor
from cai_keras.generation.frechet_monitor import FrechetMonitor


def brightness():
    def compute(pictures):
        return pictures.mean(axis=(1, 2, 3))[:, None] / 255, None

    return FeatureExtractor("brightness", "ab" * 32, "none", 1, None, 1, compute)


def levels(values):
    return np.array(values, np.uint8).reshape(-1, 1, 1, 1)


def monitor(made, count=4, asked=None):
    def make(first, last):
        if asked is not None:
            asked.append((first, last))
        return levels(made[first:last])

    return FrechetMonitor(
        brightness(), make, lambda n: levels([0, 0, 255, 255][:n]), "test", count
    )


def test_it_is_the_frechet_distance_of_so_many_pictures():
    # Real: mean 1/2, variance 1/3. Made: all 51/255 = 1/5, variance 0.
    found = monitor([51, 51, 51, 51]).measure()

    metric = found["fid_brightness_4"]
    assert metric.value == pytest.approx(0.3**2 + 1 / 3)
    assert metric.passport["reference"] == "test"
    assert metric.passport["pictures"] == metric.count == 4


def test_pictures_are_made_part_by_part(monkeypatch):
    monkeypatch.setattr(frechet_monitor, "_PART", 3)
    asked = []

    found = monitor([0, 255, 0, 255], asked=asked).measure()

    assert asked == [(0, 3), (3, 4)]
    assert found["fid_brightness_4"].value == pytest.approx(0, abs=1e-12)


def test_no_pictures_have_no_distance():
    assert monitor([], count=0).measure() == {}
