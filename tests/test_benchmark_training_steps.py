"""A benchmark's training steps are the engine's: they end at the same weights."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from benchmark_steps import weights_after

from benchmarks.configurations import Request
from benchmarks.stand_in import networks_of, open_phase, recipe_of
from benchmarks.subjects import open_subject
from cai_keras.errors import CaiError
from cai_keras.training.distribution import make_strategy
from cai_keras.training.preparation import set_up_process
from cai_keras.training.step_loop import StepLoop

ROOT = Path(__file__).parents[1]
STEPS = 3


def request(**changes):
    fields = {
        "kind": "train", "paper": "gan", "scale": "smoke", "variant": "ring",
        "network": "all", "backend": "tensorflow", "precision": "float32",
        "xla": False, "batch_size": 4,
    }  # fmt: skip
    return Request(**{**fields, **changes})


@pytest.fixture(autouse=True)
def _clean_process():
    yield
    keras.config.set_dtype_policy("float32")
    keras.backend.clear_session()


def opened(asked):
    set_up_process(recipe_of(asked), 0)
    recipe, phase, batch = open_phase(asked)
    phase.learner.build_optimizers()
    return recipe, phase, batch


def weights_of(phase):
    return [
        keras.ops.convert_to_numpy(weight)
        for network in phase.learner.networks.values()
        for weight in network.trainable_weights
    ]


def test_steps_on_a_resident_batch_are_those_of_a_pipeline():
    from benchmarks.backends.tensorflow_training import make_call

    asked = request()
    recipe, phase, batch = opened(asked)
    before = weights_of(phase)
    call = make_call(phase, recipe.train, batch, False, make_strategy("one"))
    call(2)
    call(1)
    _, other, again = opened(asked)
    dataset = tf.data.Dataset.from_tensors(again).repeat()
    StepLoop(other.learner, dataset.element_spec, None, 4).run(iter(dataset), STEPS)
    for found, expected, old in zip(
        weights_of(phase), weights_of(other), before, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        assert not np.array_equal(found, old)


@pytest.fixture(scope="module")
def tensorflows_weights():
    return weights_after("tensorflow")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_end_at_the_weights_of_tensorflow(
    backend, tensorflows_weights, tmp_path
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    script = Path(__file__).with_name("benchmark_steps.py")
    path = tmp_path / "weights.npz"
    subprocess.run([sys.executable, script, backend, path], check=True, cwd=ROOT)
    found = np.load(path)
    assert len(found.files) == len(tensorflows_weights) > 2
    for name, expected in zip(found.files, tensorflows_weights, strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5)


def test_at_the_paper_scale_batches_have_the_papers_shapes_without_its_data():
    asked = request(
        paper="resnet", variant="cifar10_resnet20", scale="paper", batch_size=3
    )
    recipe, phase, batch = opened(asked)
    assert recipe.data.spec == "tfds:cifar10"
    assert batch["image"].shape == (3, 32, 32, 3)
    assert batch["label"].shape == (3,)
    assert phase.batch_size == 3
    assert recipe.train.deterministic is False


def test_what_is_asked_for_reaches_the_recipe():
    recipe = recipe_of(request(precision="mixed_bfloat16", batch_size=None))
    assert recipe.train.precision == "mixed_bfloat16"
    assert recipe.data.batch_size == recipe_of(request()).data.batch_size * 2


def test_pretrained_networks_are_not_downloaded():
    asked = request(
        paper="dilated_context", variant="voc_front_end", scale="smoke", kind="infer"
    )
    assert list(networks_of(asked, recipe_of(asked)))
    from benchmarks.stand_in import without_pretrained_weights

    made = []

    def fake(weights="imagenet", **options):
        made.append(weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "VGG16", fake)
        with without_pretrained_weights():
            keras.applications.VGG16(weights="imagenet")
        assert keras.applications.VGG16 is fake
    assert made == [None]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": "gan_metrics", "variant": "floors"}, "floors trains nothing"),
        ({"paper": "neural_style", "variant": "lbfgs"}, "has no single steps"),
        ({"paper": "neural_style", "variant": "adam"}, "one picture at a time"),
        ({"kind": "infer", "network": "genrator"}, "did you mean 'generator'?"),
    ],
)
def test_what_cannot_be_measured_says_why(changes, message):
    from benchmarks.backends import load_backend

    batch_size = 1 if changes.get("variant") == "lbfgs" else 4
    asked = request(**{"batch_size": batch_size, **changes})
    with pytest.raises(CaiError, match=message):
        open_subject(asked, load_backend("tensorflow"))
