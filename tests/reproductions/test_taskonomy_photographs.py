"""Taskonomy's photographs: targets by hand, and the whole grid on dummy pictures."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.data.source import download
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine, evaluation, preparation
from reproductions.taskonomy import model
from reproductions.taskonomy import photographs as read
from reproductions.taskonomy.photograph_model import build_head, build_transfer
from reproductions.taskonomy.photograph_tasks import PHOTOGRAPH_TASKS, blurred
from reproductions.taskonomy.tasks import losses_of
from tests.data.test_taskonomy_builder import write_view
from tests.reproductions.test_all_papers import Silent, Stopping, trained_values

MAKE = Convolutions(0.9, 1e-5)
TASKS = PHOTOGRAPH_TASKS


def target_of(task, side=2, **stored):
    stored = {name: tf.constant(values) for name, values in stored.items()}
    return TASKS[task].target(stored, side).numpy()


def loss_of(task, target, answers):
    """Of one example and one answer."""
    return losses_of(TASKS[task], target[None], answers[None, None]).numpy().item()


def flat(value, channels=1, dtype=np.uint16):
    return np.full((2, 2, channels), value, dtype)


# Targets


@pytest.mark.parametrize(
    ("task", "annotation", "value", "expected"),
    [
        # 0.04 of the range is half way to 0.08; what is above is cut.
        ("edges_2d", "edge_texture", round(0.04 * 65535), 0.0),
        ("edges_2d", "edge_texture", 60000, 1.0),
        ("keypoints_2d", "keypoints2d", 0, -1.0),
        ("keypoints_3d", "keypoints3d", 65535, 1.0),
        ("depth", "depth_zbuffer", 255, 0.5),  # log 256 / log 65536
        ("distance", "depth_euclidean", 15, 0.25),
    ],
)
def test_maps_have_the_scales_of_the_released_code(task, annotation, value, expected):
    stored = {"depth_zbuffer": flat(100), annotation: flat(value)}

    found = target_of(task, **stored)

    np.testing.assert_allclose(found[..., 0], expected, atol=2e-3)


def test_pictures_and_normals_are_from_minus_one_to_one():
    levels = np.array([[[0, 127, 255]] * 2] * 2, np.uint8)

    picture = target_of("autoencoding", rgb=levels)
    normals = target_of("normals", normal=levels, depth_zbuffer=flat(100))

    np.testing.assert_allclose(picture[0, 0], [-1, -1 / 255, 1], atol=1e-6)
    np.testing.assert_allclose(normals[0, 0], [-1, -1 / 255, 1, 1], atol=1e-6)


def test_curvatures_are_less_their_mean_over_their_deviation():
    stored = np.full((2, 2, 3), [155, 120, 99], np.uint8)

    found = target_of("curvature", principal_curvature=stored, depth_zbuffer=flat(9))

    expected = [(155 - 123.572) / 31.922, (120 - 120.1) / 21.658, 1]
    np.testing.assert_allclose(found[1, 1], expected, atol=1e-5)


def test_holes_of_the_scan_do_not_count():
    depth = flat(100)
    depth[0, 0] = 65535

    found = target_of("reshading", reshading=flat(0, 1, np.uint8), depth_zbuffer=depth)

    assert found[..., 1].tolist() == [[0, 1], [1, 1]]
    # Wrong by 1 in the hole, by 0.5 elsewhere: 0.5.
    answers = np.full((2, 2, 1), -0.5, np.float32)
    answers[0, 0] = 0
    assert loss_of("reshading", found, answers) == 0.5


def test_a_picture_that_is_all_hole_has_no_loss():
    found = target_of("depth", depth_zbuffer=flat(65535))

    assert loss_of("depth", found, np.ones((2, 2, 1))) == 0


def test_curvatures_count_squared_and_other_maps_as_they_are():
    target = np.zeros((2, 2, 3), np.float32)
    target[..., -1] = 1
    answers = np.full((2, 2, 2), 3.0)

    assert loss_of("curvature", target, answers) == 9.0
    assert loss_of("depth", target[..., 1:], answers[..., :1]) == 3.0


def test_occlusion_edges_are_blurred_as_scipy_does():
    image = np.random.default_rng(0).normal(size=(24, 20, 1)).astype(np.float32)

    found = blurred(tf.constant(image)).numpy()

    np.testing.assert_allclose(found, gaussian_filter(image, (4, 4, 0)), atol=1e-5)


def test_semantic_labels_begin_at_the_background_and_unknown_does_not_count():
    stored = np.array([[[0], [1]], [[17], [18]]], np.uint8)

    found = target_of("semantic_segmentation", segment_semantic=stored)

    # 18 is no class of the released code.
    assert found.tolist() == [[-1, 0], [16, -1]]
    answers = np.zeros((2, 2, 17), np.float32)
    answers[0, 0, 3] = 50  # what is unknown
    loss = loss_of("semantic_segmentation", found, answers)
    assert loss == pytest.approx(math.log(17))


def test_classes_are_shares_however_they_are_stored():
    logits = np.zeros(1000, np.float32)
    logits[0] = math.log(999)  # as much as all others

    for stored in (logits, np.exp(logits) / np.exp(logits).sum()):
        found = target_of("object_class", class_object=stored.astype(np.float32))
        assert found[0] == pytest.approx(0.5, abs=1e-4)
        assert found.sum() == pytest.approx(1, abs=1e-4)

    # Of equal logits: log 1000 nats, whatever the shares are.
    loss = loss_of("object_class", found, np.zeros(1000, np.float32))
    assert loss == pytest.approx(math.log(1000), rel=1e-4)


# Views


def test_views_are_those_of_the_released_code():
    image = tf.constant(np.full((4, 4, 3), [0.9, 0.0, -0.5], np.float32))
    noise = tf.ones((4, 4, 3))

    noisy, grey, holed = (
        read.view_of(name, image, noise).numpy() for name in ("noisy", "grey", "holed")
    )

    np.testing.assert_allclose(noisy[0, 0], [1.0, 0.2, -0.3], rtol=1e-6)
    luma = 0.2989 * 0.9 + 0.1140 * -0.5
    np.testing.assert_allclose(grey, np.full((4, 4, 3), luma), rtol=1e-3)
    assert (holed[1:3, 1:3] == 0).all()
    np.testing.assert_array_equal(holed[0], image[0])


# Networks


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("object_class", 2048 * 2048 + 2 * 2048 + 2048 * 1000 + 1000),
        ("vanishing_points", 2048 * 2048 + 2 * 2048 + 2048 * 9 + 9),
        ("normals", 16_453_299),
    ],
)
def test_each_kind_of_task_has_its_head(task, count):
    head = build_head(MAKE, TASKS[task], (16, 16, 8))

    assert sum(w.numpy().size for w in head.trainable_weights) == count


def test_a_transfer_reads_the_sources_that_it_was_given():
    network = build_transfer(MAKE, 32, 3, 2, TASKS["vanishing_points"], "transfer")
    network.get_layer("choice").choice.assign([0, 2])
    x = np.random.default_rng(0).normal(size=(2, 2, 2, 24)).astype("float32")
    other = x.copy()
    other[..., 8:16] += 1  # the source between

    first, second = (keras.ops.convert_to_numpy(network(v)) for v in (x, other))

    assert first.shape == (2, 1, 9)
    np.testing.assert_array_equal(first, second)


# The whole grid


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A TFDS folder with twelve dummy photographs of 4 x 6 pixels."""
    folder = tmp_path_factory.mktemp("tfds")
    manual = folder / "downloads" / "manual" / "taskonomy"
    for number, (building, count) in enumerate(
        {"hanson": 4, "darden": 5, "ihlen": 3}.items()
    ):
        for view in range(count):
            write_view(manual, building, 0, view, seed=10 * number + view)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder))
        download(DataSpec.parse("tfds:taskonomy"))
        yield folder


OVERRIDES = {
    "data.transfer_split": "validation[:3]",
    "data.ranking_split": "validation[3:]",
    "data.test_split": "test",
    "data.image_side": 32,
    "data.batch_size": 2,
    "data.transfer_batch_size": 2,
    "model.targets": ["depth", "reshading"],  # their transfers share a network
    "model.source_only": ["denoising", "vanishing_points"],
    "model.beam": {"order_2": 2, "order_3": 3, "order_4": 4},
    "model.stages": {
        "tasks": 1, "pixels": 1, "order_1": 1, "order_2": 1, "order_3": 1, "order_4": 1,
    },
    # 4 task networks, 2 from pixels, and 2 targets x (5 + 1 + 1 + 1) transfers.
    "train.steps": 4 + 2 + 16,
    "train.steps_per_call": 1,
    "train.checkpoint_every": 1000,
    "evaluate.query.taskonomy": ["depth", "reshading"],
}  # fmt: skip


def recipe_of(**more):
    values = {**OVERRIDES, **more}
    settings = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    return find_paper("taskonomy").recipe("paper", "scenes", sets=settings)


def test_photographs_are_read_at_any_position(prepared):
    data = read.open_photographs(recipe_of().data)

    assert data.info.examples == {"train": 4, "transfer": 3, "ranking": 2, "test": 3}
    batches = read.task_batches(data.train, "denoising", 2, seed=0)
    whole, part = next(iter(batches(3))), next(iter(batches(3, range(1, 2))))
    assert whole["views"]["noisy"].shape == (2, 32, 32, 3)
    assert whole["targets"]["denoising"].shape == (2, 32, 32, 3)
    for kind, name in (("views", "noisy"), ("targets", "denoising")):
        np.testing.assert_array_equal(part[kind][name], whole[kind][name][1:])


def test_an_unprepared_set_and_another_set_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    with pytest.raises(DataError, match="run: cai data prepare tfds:taskonomy"):
        read.open_photographs(recipe_of().data)
    with pytest.raises(UsageError, match="expected tfds:taskonomy"):
        read.open_photographs(recipe_of(**{"data.spec": "embedded:scenes"}).data)


def train(output, recipe, reporter=None, resume=False):
    folder = RunFolder.of(output, "taskonomy", "paper", recipe.run_name, 0)
    request = engine.RunRequest(recipe, 0, folder, ("taskonomy",), resume=resume)
    build = builder_of(find_paper("taskonomy"))
    return engine.run(request, build, reporter or Silent()), folder


@pytest.fixture(scope="module")
def thin():
    """Networks of two blocks: what is at stake is how they are put together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_STAGES", ((1, 16, 2), (1, 32, 2)))
        patch.setattr(model, "_DECODER", (16, 8))
        yield


def test_transfers_take_turns_in_one_network_and_leave_their_losses(prepared, thin):
    recipe = recipe_of()
    experiment = builder_of(find_paper("taskonomy"))(recipe, 0)
    preparation.prepare(experiment, recipe.train, replicas=1)
    depth = experiment.phases[6:11]  # behind 4 task networks and 2 from pixels
    learner, other = depth[0].learner, experiment.phases[11].learner
    first = [weight.numpy() for weight in learner.network.weights]

    for number, phase in enumerate(depth):
        phase.start()
        assert learner.network.get_layer("choice").choice.numpy() == [number]
        # As a step would: the next transfer must not see it.
        for weight in learner.network.trainable_weights:
            weight.assign_add(keras.ops.full(weight.shape, 0.001 * number))
        phase.finish()

    assert learner.network is other.network
    assert (learner.task, other.task) == ("depth", "reshading")
    losses = learner.test_losses.numpy()
    assert losses.shape == (5, 3)
    assert len({*losses[:, 0]}) == 5
    assert (learner.ranking_losses.numpy() > 0).all()
    assert not other.test_losses.numpy().any()
    experiment.phases[11].start()
    for weight, value in zip(learner.network.weights, first, strict=True):
        if "choice" not in weight.path:
            np.testing.assert_array_equal(weight.numpy(), value)
    # Of second order: the pair of the two sources with the lowest losses but depth.
    pair = experiment.phases[16]
    pair.start()
    ranked = [n for n in learner.ranking_losses.numpy().argsort() if n != 0]
    assert pair.learner.choices.numpy().tolist() == [[*ranked[:2]]]


@pytest.fixture(scope="module")
def trained(prepared, thin, tmp_path_factory):
    """Record and folder of the whole grid, a step for each network."""
    yield train(tmp_path_factory.mktemp("whole"), recipe_of())
    keras.backend.clear_session()


@pytest.mark.slow
def test_the_whole_grid_is_trained_and_judged_by_the_test_photographs(trained):
    record, folder = trained

    assert (record.state, record.steps_done) == ("done", 22)
    assert record.metrics["test/gain_3d_to_3d_percent"].count == 3
    assert 0 <= record.metrics["test/quality_full_budget_percent"].value <= 100
    assert (folder.figures / "taxonomies.png").is_file()


@pytest.mark.slow
def test_each_transfer_keeps_its_losses_and_its_sources(trained):
    values = trained_values(trained[1])
    of_first_order = {
        name: value for name, value in values.items() if "ranking_losses" in name
    }
    losses = [value for name, value in values.items() if "test_losses" in name]

    assert len(of_first_order) == len(losses) == 2 * 4  # targets x orders
    assert sorted(value.shape for value in losses) == [(1, 3)] * 6 + [(5, 3)] * 2
    assert all((value > 0).all() for value in losses)
    # Sources differ, so that their transfers do.
    assert all(
        len({*value}) == 5 for value in of_first_order.values() if len(value) > 1
    )


@pytest.mark.slow  # trains the grid once more
def test_a_grid_that_is_stopped_goes_on_to_the_same_losses(trained, prepared, tmp_path):
    output, recipe = tmp_path, recipe_of()
    # After the first network; the second time after the checkpoint that follows.
    for resume in (False, True):
        with pytest.raises(engine.InterruptedRunError):
            train(output, recipe, Stopping(), resume)

    record, folder = train(output, recipe, resume=True)

    assert record.metrics == trained[0].metrics
    whole, again = trained_values(trained[1]), trained_values(folder)
    assert whole.keys() == again.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


@pytest.mark.slow
def test_a_finished_grid_is_evaluated_from_its_checkpoint(trained, prepared):
    record, folder = trained
    recipe = recipe_of()
    build = builder_of(find_paper("taskonomy"))

    metrics = evaluation.evaluate(evaluation.restore(recipe, 0, folder, build), recipe)

    assert metrics == record.metrics
