"""Tasks, readouts side by side, codes that are computed once: by hand."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.networks.residual_blocks import Convolutions
from reproductions.taskonomy import data, grid
from reproductions.taskonomy.grid import candidate_count, combinations_of_best
from reproductions.taskonomy.small_model import (
    apply_readouts,
    build_encoder,
    build_transfers,
    seeded,
)
from reproductions.taskonomy.tasks import TASKS, halved, losses_of

MAKE = Convolutions(0.9, 1e-5)


def scenes_of(count, side=16):
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return data.Scenes(images, {"depth": np.zeros((count, 8, 8, 1), np.float32)})


# Tasks


def test_maps_are_halved_by_means_of_four_pixels():
    maps = np.array([[[1, 2, 0, 0], [3, 4, 0, 8]]], np.float32)[..., None]

    assert halved(maps)[0, ..., 0].tolist() == [[2.5, 2.0]]


def test_the_loss_of_numbers_is_their_mean_squared_error():
    target = np.array([[1.0, 3.0]])
    answers = np.array([[[1.0, 1.0], [0.0, 3.0]]])

    found = losses_of(TASKS["room_layout"], target, answers)

    # (0 + 4) / 2 and (1 + 0) / 2.
    assert keras.ops.convert_to_numpy(found).tolist() == [[2.0, 0.5]]


def test_the_loss_of_classes_is_their_cross_entropy():
    # Logits 0: log 3 nats, whichever class it is.
    found = losses_of(TASKS["object_class"], np.array([2]), np.zeros((1, 4, 3)))
    maps = losses_of(
        TASKS["semantic_segmentation"],
        np.zeros((1, 2, 2), np.uint8),
        np.zeros((1, 1, 2, 2, 6)),
    )

    np.testing.assert_allclose(found, np.full((1, 4), np.log(3)), rtol=1e-6)
    np.testing.assert_allclose(maps, [[np.log(6)]], rtol=1e-6)


def test_every_task_reads_a_rendered_scene():
    from cai_keras.data.scenes.example import render

    example = render(0)
    scene = {name: np.asarray(values)[None] for name, values in example.items()}

    for name, task in TASKS.items():
        target = task.target(scene)
        assert len(target) == 1, name
        assert np.isfinite(target).all(), name
        if task.kind == "map":
            assert target.shape == (1, 32, 32, task.size), name
        elif task.kind == "vector":
            assert target.shape == (1, task.size), name
        else:
            assert 0 <= target.min() <= target.max() < task.size, name


def test_numbers_are_standardised_by_the_training_images():
    values = np.array([[0.0, 5.0], [2.0, 5.0]], np.float32)
    moments = {"room_layout": data._moments(values)}
    scenes = data.Scenes(np.zeros((1, 1)), {"room_layout": np.array([[3.0, 6.0]])})

    found = data._standardised(scenes, moments).targets["room_layout"]

    # Mean 1, deviation 1; mean 5, a deviation of 0 counts as 1.
    assert found.tolist() == [[2.0, 1.0]]


# Views


def test_each_view_changes_what_it_says():
    images = np.stack([np.full((4, 4, 3), [0.9, 0.0, -0.3])]).astype(np.float32)
    noise = np.ones_like(images)
    corner = np.array([[0.0, 0.99]], np.float32)

    views = data.views_of(images, noise, corner, ["plain", "noisy", "grey", "holed"])

    np.testing.assert_allclose(views["plain"], images)
    np.testing.assert_allclose(views["noisy"], images + 0.4)
    np.testing.assert_allclose(views["grey"], np.full((1, 4, 4, 3), 0.2), rtol=1e-6)
    # A hole of 2 x 2: rows 0 and 1, columns 2 and 3.
    expected = images.copy()
    expected[0, :2, 2:] = 0
    np.testing.assert_allclose(views["holed"], expected)


def test_a_row_of_a_batch_is_the_same_whoever_makes_it():
    batches = data.scene_batches(scenes_of(6), ("noisy", "holed"), 4, seed=3)

    whole = next(iter(batches(5)))
    part = next(iter(batches(5, range(2, 4))))

    for name in ("noisy", "holed"):
        np.testing.assert_array_equal(part["views"][name], whole["views"][name][2:])
    np.testing.assert_array_equal(
        part["targets"]["depth"], whole["targets"]["depth"][2:]
    )


# Readouts


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        ("normals", (8, 8, 3)),
        ("semantic_segmentation", (8, 8, 6)),
        ("object_class", (3,)),
    ],
)
def test_readouts_side_by_side_do_not_see_each_other(task, shape):
    inputs = keras.Input((2, 2, 6))
    network = keras.Model(inputs, apply_readouts(inputs, 2, 4, TASKS[task], "readout"))
    x = np.random.default_rng(0).normal(size=(1, 2, 2, 6)).astype("float32")
    other = x.copy()
    other[..., 3:] += 1

    first, second = (keras.ops.convert_to_numpy(network(v)) for v in (x, other))

    assert first.shape == (1, 2, *shape)
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert np.abs(first[:, 1] - second[:, 1]).max() > 1e-3


def test_a_cell_of_the_code_answers_for_its_own_pixels():
    inputs = keras.Input((2, 2, 1))
    network = keras.Model(inputs, apply_readouts(inputs, 1, 1, TASKS["depth"], "r"))
    hidden, answer = (network.get_layer(f"r_{part}") for part in ("hidden", "answer"))
    # The middle taps alone: hidden = code; pixel p of a cell = p times it.
    middle = np.zeros((3, 3, 1, 1), "float32")
    middle[1, 1] = 1
    hidden.set_weights([middle, np.zeros(1)])
    answer.set_weights([middle * np.arange(16, dtype="float32"), np.zeros(16)])
    code = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)

    found = keras.ops.convert_to_numpy(network(code))[0, 0, ..., 0]

    cell = np.arange(16.0).reshape(4, 4)
    np.testing.assert_allclose(found, np.kron(code[0, ..., 0], cell))


def test_transfers_read_the_sources_that_were_chosen():
    network = build_transfers(MAKE, 2, 3, 2, 2, 4, TASKS["depth"], "transfers")
    network.get_layer("choice").choice.assign([0, 1, 1, 2])
    x = np.random.default_rng(0).normal(size=(1, 2, 2, 24)).astype("float32")
    other = x.copy()
    other[..., 16:] += 1  # the third source

    first, second = (keras.ops.convert_to_numpy(network(v)) for v in (x, other))

    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert np.abs(first[:, 1] - second[:, 1]).max() > 1e-4


# The beam


def test_combinations_are_of_the_best_sources_without_the_target():
    losses = np.array([0.5, 0.1, 0.3, 0.2, 0.9])

    found = combinations_of_best(losses, ("a", "b", "c", "d", "e"), "b", 2, beam=3)

    # d, c and a.
    assert found == [(3, 2), (3, 0), (2, 0)]


def test_candidates_of_the_published_beams():
    beam = {"order_2": 5, "order_3": 5, "order_4": 6}

    counts = [candidate_count(order, 19, beam) for order in (1, 2, 3, 4)]

    # As in the published file: 10, 10 and 15 transfers of higher orders to a target.
    assert counts == [19, 10, 10, 15]
    assert candidate_count(4, 6, beam) == 5  # of five other sources


# Codes


@pytest.fixture
def small_grid(monkeypatch, tmp_path):
    """A grid of two encoders, with its codes in a folder of its own."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    encoders = {
        name: build_encoder(seeded(MAKE, seed), 16, (2, 2, 2), name)
        for seed, name in enumerate(("first", "second"))
    }
    return SimpleNamespace(encoders=lambda: encoders)


def test_codes_lie_behind_one_another_in_the_order_of_the_sources(small_grid):
    scenes = scenes_of(5)

    codes = grid.FrozenCodes(small_grid, 2).of(scenes)

    images = scenes.images.astype("float32") / 127.5 - 1
    assert codes.shape == (5, 2, 2, 16)
    for number, encoder in enumerate(small_grid.encoders().values()):
        expected = keras.ops.convert_to_numpy(encoder(images))
        part = codes[..., 8 * number : 8 * number + 8]
        np.testing.assert_allclose(part, expected, atol=1e-5)


def test_a_second_run_finds_codes_and_computes_none(small_grid, monkeypatch):
    scenes = scenes_of(5)
    first = grid.FrozenCodes(small_grid, 2).of(scenes)

    def fail(*_):
        raise AssertionError("codes were computed again")

    monkeypatch.setattr(grid, "predict_in_batches", fail)
    second = grid.FrozenCodes(small_grid, 2).of(scenes)

    np.testing.assert_array_equal(first, second)
    small_grid.encoders()["first"].trainable_weights[0].assign_add(
        tf.ones(small_grid.encoders()["first"].trainable_weights[0].shape)
    )
    with pytest.raises(AssertionError, match="computed again"):
        grid.FrozenCodes(small_grid, 2).of(scenes)


def test_only_the_newest_codes_are_kept(small_grid, monkeypatch, tmp_path):
    monkeypatch.setattr(grid, "_KEPT_FILES", 2)
    codes = grid.FrozenCodes(small_grid, 2)

    for count in (2, 3, 4):
        codes.of(scenes_of(count))

    assert len(list((tmp_path / "taskonomy_codes").iterdir())) == 2


def test_seeded_encoders_do_not_depend_on_what_was_built_before():
    first = build_encoder(seeded(MAKE, 5), 16, (2, 2, 2), "first").get_weights()
    keras.utils.set_random_seed(99)
    again = build_encoder(seeded(MAKE, 5), 16, (2, 2, 2), "again").get_weights()
    other = build_encoder(seeded(MAKE, 6), 16, (2, 2, 2), "other").get_weights()

    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(first[0] - other[0]).max() > 0.01
