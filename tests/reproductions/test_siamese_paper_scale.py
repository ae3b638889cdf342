"""The published network takes a step on the published image size."""

import numpy as np
import pytest

from cai_keras.cli import papers
from cai_keras.data.affine import AffineRanges
from cai_keras.training.engine import set_up_process
from cai_keras.training.optimizers import make_optimizer
from cai_keras.training.step_loop import StepLoop
from reproductions.siamese_one_shot import data, sampling
from reproductions.siamese_one_shot.experiment import networks
from reproductions.siamese_one_shot.learner import VerificationLearner


@pytest.mark.slow
def test_the_paper_scale_recipe_takes_two_steps():
    recipe = papers.find_paper("siamese_one_shot").recipe("paper", "conv")
    set_up_process(recipe, seed=0)
    rng = np.random.default_rng(0)
    images = (rng.random((4, 20, 105, 105)) < 0.05).astype(np.uint8) * 255
    drawings = data.Drawings(images, np.array([0, 0, 1, 1]), ("a", "b"))
    ranges = AffineRanges(10.0, 0.3, (0.8, 1.2), 0.019, 0.5)
    batches = sampling.pair_batches(drawings, 16, 8, ranges, 4, 0)(0)
    optimizer = make_optimizer(
        recipe.train.optimizers["siamese"], recipe.train.total_steps
    )
    learner = VerificationLearner(networks(recipe), {"siamese": optimizer})
    learner.build_optimizers()
    kernel = learner.networks["siamese"].encoder.get_layer("conv1").kernel
    before = np.array(kernel)

    result = StepLoop(learner, batches.element_spec).run(iter(batches), 2)

    assert result.steps == 2
    assert result.broken is None
    assert not np.array_equal(before, np.array(kernel))
