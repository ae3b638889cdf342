"""The notebooks' recipes take a step on images of CIFAR-10's shape."""

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import load_classification
from cai_keras.training.engine import set_up_process
from cai_keras.training.step_loop import StepLoop
from reproductions.feature_visualization_mirroring.experiment import build


@pytest.fixture
def mocked():
    load_classification.cache_clear()
    with tfds.testing.mock_data(num_examples=16):
        yield
    load_classification.cache_clear()
    keras.backend.clear_session()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "steps", "batch_size"),
    [
        ("colour_unet", 5 * 391, 128),
        ("colour_unet_attention", 5 * 391, 128),
        ("colour_classifier", 150 * 196, 256),
    ],
)
def test_the_paper_scale_recipe_takes_a_step(variant, steps, batch_size, mocked):
    recipe = find_paper("feature_visualization_mirroring").recipe("paper", variant)
    set_up_process(recipe, seed=0)
    (phase,) = build(recipe, 0).phases
    phase.learner.build_optimizers()
    batches = phase.batches(0)
    kernel = phase.learner.networks["network"].trainable_weights[0]
    before = keras.ops.convert_to_numpy(kernel)

    result = StepLoop(phase.learner, batches.element_spec).run(iter(batches), 1)

    assert (phase.steps, phase.batch_size) == (steps, batch_size)
    assert result.broken is None
    assert not np.array_equal(before, keras.ops.convert_to_numpy(kernel))
