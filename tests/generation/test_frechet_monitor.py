"""The distance while a generator learns: its name, its parts, its number by hand."""

import subprocess
import sys

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


# Prints the distance of 5 pictures of a random generator on so many replicas.
ON_REPLICAS = """
import contextlib, sys
import keras, numpy as np, tensorflow as tf
from keras import layers
from cai_keras.data.latents import LatentSpace
from cai_keras.generation.extractors import load_extractor
from cai_keras.generation.frechet_monitor import FrechetMonitor
from cai_keras.generation.sampler import Sampler

count = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
parts = [tf.config.LogicalDeviceConfiguration()] * count
tf.config.set_logical_device_configuration(cpu, parts)
strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(count)])
with strategy.scope() if count > 1 else contextlib.nullcontext():
    latent = keras.Input((4,))
    x = layers.Dense(16 * 16, "sigmoid")(latent)
    generator = keras.Model(latent, layers.Reshape((16, 16, 1))(x))
    # A strategy draws other weights from the same seed.
    kernel = np.random.default_rng(1).normal(size=(4, 256))
    generator.set_weights([kernel, np.zeros(256)])
    makes = Sampler(generator, LatentSpace(4, "normal"), "sigmoid", batch_size=3)
    real = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), np.uint8)
    monitor = FrechetMonitor(
        load_extractor("cai_vgg"), lambda a, b: makes.stretch(a, b, 0),
        lambda n: real[:n], "test", 5,
    )
    print(monitor.measure()["fid_cai_vgg_5"].value)
"""


def test_two_replicas_measure_what_one_does():
    one, two = (
        subprocess.run(
            [sys.executable, "-c", ON_REPLICAS, str(count)],
            check=True, capture_output=True, text=True, timeout=300,
        ).stdout
        for count in (1, 2)
    )  # fmt: skip

    assert float(two) == pytest.approx(float(one), rel=1e-6)
