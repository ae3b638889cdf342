"""The same learner on JAX; each process with KERAS_BACKEND=jax serves many tests."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import backend_run
import keras
import numpy as np
import pytest
import tensorflow as tf
from backend_run import run_in

from cai_keras.reporting.record import read_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import evaluation
from cai_keras.training.config import load_resolved

HERE = Path(__file__).parent
SCRIPT = HERE / "backend_run.py"

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None,
    reason="JAX is not installed: pip install -e .[dev]",
)


def python(backend, *arguments):
    """The finished process of Python with a Keras backend."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=600,
    )


def pytest_on_jax(name, *options):
    """The finished process of pytest on a file of tests for JAX."""
    options = ("-q", "-p", "no:cacheprovider", *options)
    return python("jax", "-m", "pytest", *options, HERE / name)


def assert_all_passed(result):
    assert result.returncode == 0, result.stdout[-6000:]
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


@needs_jax
def test_steps_by_hand_pass_on_jax():
    assert_all_passed(pytest_on_jax("jax_steps.py"))


# A WGAN-GP from the same weights and batches


@pytest.fixture(scope="module")
def wgan(tmp_path_factory):
    """Folder with the weights and batches given, and what JAX made of them.

    Beside it state and losses after three steps on TensorFlow.
    """
    folder = tmp_path_factory.mktemp("wgan")
    backend_run.write_given(folder / "given.npz")
    results, networks = backend_run.train(np.load(folder / "given.npz"))
    backend_run.export(networks["generator"], folder / "other_files")
    process = python("jax", SCRIPT, "wgan", folder)
    assert process.returncode == 0, process.stderr[-3000:]
    return folder, results


@needs_jax
def test_a_learner_of_two_players_takes_the_same_steps_on_both_backends(wgan):
    folder, on_tensorflow = wgan
    on_jax = dict(np.load(folder / "results.npz"))
    del on_jax["modules"]
    assert on_jax.keys() == on_tensorflow.keys()
    for name, expected in on_tensorflow.items():
        # Adam divides a gradient by its size, so that rounding of 1e-7 in a small
        # gradient counts: a hundredth of a step of 0.01. Nothing divides the rest.
        is_weight = name.startswith(("networks", "averages")) and "moving" not in name
        atol = 1e-4 if is_weight else 1e-6
        np.testing.assert_allclose(
            on_jax[name], expected, rtol=1e-4, atol=atol, err_msg=name
        )


@needs_jax
def test_the_compared_steps_move_both_players_and_the_averages(wgan):
    folder, after = wgan
    given = np.load(folder / "given.npz")
    # Adam steps of 0.01: three of the critic, one of the generator, at step 2.
    for player, low, high in (("critic", 0.015, 0.04), ("generator", 0.005, 0.0101)):
        kernel = after[f"networks/{player}/0000/hidden/kernel"]
        assert low < np.abs(kernel - given[f"{player}/0"]).max() < high
    # The average is the weight itself after step 1, then goes a tenth of the way to
    # the new one twice: 0.19 of it.
    start, end = given["generator/0"], after["networks/generator/0000/hidden/kernel"]
    average = after["averages/0000/average_kernel"]
    np.testing.assert_allclose(average, start + 0.19 * (end - start), atol=1e-6)
    assert after["losses/critic/penalty"] > 0


@needs_jax
def test_the_jax_loop_needs_no_tensorflow(wgan):
    folder, _ = wgan
    assert np.load(folder / "results.npz")["modules"].tolist() == ["jax"]


def assert_files_give_the_same_outputs(folder):
    """Each backend has read the other's .keras and .weights.h5."""
    for files, found in (
        ("files", backend_run.outputs_from_files(folder / "files")),
        ("other_files", np.load(folder / "read.npz")),
    ):
        expected = np.load(folder / files / "outputs.npy")
        assert np.ptp(expected) > 1e-3
        # Sums of some dozens of float32 terms in another order.
        for kind in ("keras", "h5"):
            np.testing.assert_allclose(found[kind], expected, rtol=1e-5, atol=1e-6)


@needs_jax
def test_networks_saved_on_one_backend_have_the_same_outputs_on_the_other(wgan):
    folder, _ = wgan
    assert_files_give_the_same_outputs(folder)


# Runs of the engine on one backend, read on the other


@pytest.fixture(scope="module")
def engine_tests(tmp_path_factory):
    """The process of the engine's tests on JAX, and the folder of their files."""
    folder = tmp_path_factory.mktemp("engine") / "pytest"
    return pytest_on_jax("jax_engine.py", f"--basetemp={folder}"), folder


@needs_jax
def test_the_engines_tests_pass_on_jax(engine_tests):
    assert_all_passed(engine_tests[0])


@needs_jax
def test_a_run_on_jax_is_restored_on_tensorflow(engine_tests, tiny):
    run = RunFolder(run_in(engine_tests[1] / "undisturbed0"))
    recipe = load_resolved(run.config_path, "tiny")

    experiment = evaluation.restore(recipe, 0, run, tiny.build)

    found = evaluation.evaluate(experiment, recipe)
    expected = run.record().metrics
    assert run.record().backend == "jax"
    assert found.keys() == expected.keys()
    for name, metric in expected.items():
        assert found[name].value == pytest.approx(metric.value, rel=1e-5)
    # With its averaged weights, as the recipe of this run wants it.
    exported = keras.saving.load_model(run.checkpoints / "regressor.keras")
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    with evaluation.evaluation_weights(experiment, recipe):
        averaged = experiment.networks()["regressor"](x)
    np.testing.assert_allclose(exported(x), averaged, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def siamese(tmp_path_factory):
    """Folder with a run on JAX in `here`, one on TensorFlow in `other`."""
    folder = tmp_path_factory.mktemp("siamese")
    backend_run.train_siamese(folder / "other")
    backend_run.export_siamese(run_in(folder / "other"), folder / "other_files")
    process = python("jax", SCRIPT, "siamese", folder)
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


def evaluated(run):
    (path,) = (run / "evaluations").iterdir()
    return read_record(path).metrics


def checkpoint_of(run):
    """Shapes and types by name."""
    newest = tf.train.latest_checkpoint(str(run / "checkpoints"))
    reader = tf.train.load_checkpoint(newest)
    return reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()


def assert_same_metrics(found, expected):
    assert found.keys() == expected.keys()
    for name, metric in expected.items():
        # One of 400 trials, or one of 40 pairs, may be a tie that rounding breaks.
        tolerance = 100 / 400 if "one_shot" in name else 100 / 40
        assert abs(found[name].value - metric.value) <= tolerance + 1e-9
        assert found[name].count == metric.count


@needs_jax
@pytest.mark.slow
def test_a_run_of_cai_train_on_jax_leaves_the_record_of_a_run(siamese):
    here = read_record(run_in(siamese / "here") / "record.json")
    other = read_record(run_in(siamese / "other") / "record.json")
    assert (here.backend, here.strategy, here.state) == ("jax", "jax", "done")
    assert here.metrics.keys() == other.metrics.keys()
    assert (here.parameters, here.steps_done) == (other.parameters, 4)


@needs_jax
@pytest.mark.slow
def test_checkpoints_of_both_backends_hold_the_same_names_shapes_and_types(siamese):
    here, other = (run_in(siamese / name) for name in ("here", "other"))
    assert checkpoint_of(here) == checkpoint_of(other)


@needs_jax
@pytest.mark.slow
def test_cai_evaluate_gives_the_metrics_of_the_other_backends_run(siamese):
    code, errors = backend_run.cai("evaluate", run_in(siamese / "here"))
    assert code == 0, errors
    for name in ("here", "other"):  # the latter was evaluated on JAX
        run = run_in(siamese / name)
        expected = read_record(run / "record.json").metrics
        assert_same_metrics(evaluated(run), expected)


@needs_jax
@pytest.mark.slow
def test_networks_that_the_engine_exports_load_on_the_other_backend(siamese):
    assert_files_give_the_same_outputs(siamese)


# Backends that do not train


@pytest.mark.parametrize("backend", ["torch", "openvino", "jaxx"])
def test_a_backend_that_does_not_train_is_refused_in_one_line(backend, tmp_path):
    result = python(
        backend, "-m", "cai_keras", "train", "siamese_one_shot", "--scale", "smoke",
        "--variant", "conv", "--output", tmp_path / "runs",
    )  # fmt: skip
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"cai: error: KERAS_BACKEND: unknown name '{backend}'")
    assert "jax" in line
    assert not list(tmp_path.rglob("record.json"))
