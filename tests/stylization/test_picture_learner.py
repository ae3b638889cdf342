"""Pictures as weights: what they lose, and one step by hand."""

import numpy as np
import pytest
from keras import optimizers

from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.stylization.evaluation import WholePicture
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
    Targets,
)
from cai_keras.stylization.picture_learner import PictureLearner, build_pictures
from cai_keras.training.optimizers import UpdateRule
from cai_keras.training.updates import apply_updates

RATE = 0.01


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


CONTENTS, STYLES = noise(2, 16, 20, 3), noise(2, 16, 16, 3, seed=1)
PIXELS = noise(2, 16, 20, 3, seed=2)


@pytest.fixture(scope="module")
def objective():
    settings = ObjectiveSettings(
        LayerTerm(0.5, ("conv2_1",), "johnson"), LayerTerm(2.0, ("conv1_1",), "gatys")
    )
    return PerceptualObjective(load_feature_network("random_vgg"), settings)


@pytest.fixture
def learner(objective):
    both = objective.targets(CONTENTS, STYLES)
    targets = Targets(both.content, both.style)
    network = build_pictures(2, 16, 20, "picture")
    rule = UpdateRule(optimizers.SGD(RATE))
    learner = PictureLearner(
        objective, targets, {"picture": network}, {"picture": rule}
    )
    learner.build_optimizers()
    learner.pixels.assign(PIXELS)
    return learner


def test_losses_are_the_objectives_terms_of_the_pictures_that_take_part(
    learner, objective
):
    losses = learner.picture_losses({"number": np.array([1, 0, 1])})

    for place, number in enumerate((1, 0, 1)):
        terms, _ = WholePicture(objective, CONTENTS[number], STYLES[number])(
            PIXELS[number]
        )
        for name, value in terms.items():
            assert float(losses[name][place]) == pytest.approx(value, rel=1e-4)


def test_a_step_moves_a_picture_against_its_gradient_and_no_other(learner, objective):
    _, gradient = WholePicture(objective, CONTENTS[1], STYLES[1])(PIXELS[1])

    apply_updates(learner, {"number": np.array([1])})

    found = np.asarray(learner.pixels)
    np.testing.assert_array_equal(found[0], PIXELS[0])
    np.testing.assert_allclose(found[1], PIXELS[1] - RATE * gradient, atol=1e-6)
    assert np.abs(found[1] - PIXELS[1]).max() > 1e-4


def test_pixels_are_all_that_is_trained_and_saved(learner):
    assert [weight.shape for weight in learner.networks["picture"].weights] == [
        (2, 16, 20, 3)
    ]
    assert all("conv" not in weight.path for weight in learner.weights)
