"""Perceptual losses: what networks are punished for, and the figures over runs."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.errors import UsageError
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.record import Metric
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
)
from cai_keras.training.preparation import set_up_process
from reproductions.perceptual_losses.figures import FIGURES
from reproductions.perceptual_losses.learner import feature_losses, pixel_losses
from reproductions.perceptual_losses.objective import make_objective


def recipe(variant, *sets, scale="smoke"):
    return find_paper("perceptual_losses").recipe(scale, variant, sets=sets)


def built(variant, *sets):
    made = recipe(variant, *sets)
    set_up_process(made, 0)
    return builder_of(find_paper("perceptual_losses"))(made, 0)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_the_pixel_loss_is_the_mean_square_of_each_picture():
    picture = np.zeros((2, 2, 2, 3), np.float32)
    made = picture.copy()
    made[1, 0, 0, 0] = 6.0

    assert list(pixel_losses(made, picture)) == ["pixel"]
    # 36 over 12 numbers.
    np.testing.assert_allclose(pixel_losses(made, picture)["pixel"], [0.0, 3.0])


def test_the_feature_loss_is_the_mean_square_of_features():
    network = load_feature_network("random_vgg")
    settings = ObjectiveSettings(
        LayerTerm(1.0, ("conv2_2",), "johnson"), LayerTerm(0.0, (), "johnson")
    )
    made, picture = noise(2, 16, 16, 3), noise(2, 16, 16, 3, seed=1)
    maps = [
        np.asarray(network.extractor(["conv2_2"])(x)["conv2_2"])
        for x in (made, picture)
    ]

    found = feature_losses(PerceptualObjective(network, settings))(made, picture)

    expected = ((maps[0] - maps[1]) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["feature"], expected, rtol=1e-4)


def test_the_style_learner_has_the_terms_of_the_objective_for_each_photograph():
    (phase,) = built("style_instance").phases
    learner, pictures = phase.learner, noise(2, 24, 24, 3)

    losses = learner.losses_of_pictures({"picture": pictures})
    made = learner.networks["transform"](pictures, training=True)

    objective = learner.objective
    for number in range(2):
        targets = objective.content_targets(pictures[number][None])
        maps = objective.features(made[number][None])
        layer = objective.content_layers[0]
        content = np.mean((np.asarray(maps[layer]) - np.asarray(targets[layer])) ** 2)
        assert float(losses["content"][number]) == pytest.approx(content, rel=1e-3)
    assert set(losses) == {"content", "style", "total_variation"}
    (update,) = learner.updates()
    assert update.weights == objective.weights


def test_the_feature_network_is_neither_trained_nor_saved():
    (phase,) = built("sr4_feature").phases
    phase.learner.build_optimizers()
    (network,) = phase.learner.networks.values()

    trained = sum(weight.numpy().size for weight in phase.learner.trainable_variables)
    assert trained == sum(weight.numpy().size for weight in network.trainable_weights)


def test_the_papers_weights_are_those_of_the_released_code_in_our_units():
    model = recipe("style_batch", scale="paper").model

    asked = model.objective
    assert (asked.content.weight, asked.style.weight) == (1.0, 5.0)
    assert asked.total_variation == pytest.approx(1e-6 * 255**2 / 2 * 4, rel=1e-4)
    assert asked.style.layers == ["conv1_2", "conv2_2", "conv3_3", "conv4_3"]
    assert asked.content.layers == ["conv3_3"]


def test_super_resolution_has_one_content_layer_and_no_style():
    objective = make_objective(recipe("sr4_feature").model)

    assert list(objective.content_layers) == ["conv2_2"]
    assert list(objective.weights) == ["content"]


def test_an_unknown_task_or_loss_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"model\.task: .*did you mean 'style'"):
        built("style_instance", "model.task=styles")
    with pytest.raises(UsageError, match=r"model\.loss: .*did you mean 'pixel'"):
        built("sr4_pixel", "model.loss=pixels")


def test_networks_of_the_recipe_are_of_any_size():
    experiment = built("style_instance")
    network = experiment.networks()["transform"]

    assert isinstance(network, keras.Model)
    assert network.input_shape == (None, None, None, 3)


# Figures.


@pytest.fixture
def run_of(make_record, tmp_path):
    """Function from a variant, its metrics and a seed to a finished run."""

    def make(variant, values, seed=0, passport=None):
        record = make_record(
            {f"test/{name}": value for name, value in values.items()},
            variant=variant, run_name=variant, seed=seed,
            series={"log10_objective_of_optimisation": [1.0, 0.5, 0.0]},
        )  # fmt: skip
        if passport is not None:
            for name, value in values.items():
                record.metrics[f"test/{name}"] = Metric.of(value, 1, passport)
        return FinishedRun(tmp_path / variant / f"seed{seed}", record)

    return make


def style_values(level):
    seconds = {
        f"log10_seconds_{name}_{side}": value
        for side in (128, 256)
        for name, value in (
            ("forward", -2), ("50_iterations", 0), ("300_iterations", 1),
        )
    }  # fmt: skip
    return {
        "log10_objective": level, "log10_objective_of_content_picture": 0.8, **seconds,
    }  # fmt: skip


def test_objectives_are_drawn_with_a_line_for_each_network(run_of):
    runs = [
        run_of("style_instance", style_values(0.2)),
        run_of("style_instance", style_values(0.4), seed=1),
        run_of("style_batch", style_values(0.6)),
        run_of("style_random", style_values(0.1)),
    ]

    figure = FIGURES["objective"](runs)

    trained, random = figure.axes
    labels = [text.get_text() for text in trained.get_legend().get_texts()]
    assert labels == [
        "L-BFGS from noise", "one pass, instance norm", "one pass, batch norm",
        "content",
    ]  # fmt: skip
    (mean,) = (line for line in trained.lines if "instance" in str(line.get_label()))
    # The mean of 0.2 and 0.4, as logarithms.
    assert mean.get_ydata()[0] == pytest.approx(10**0.3)
    assert random.get_title() == "random features"


def test_speed_is_the_ratio_of_both_methods(run_of):
    runs = [run_of("style_instance", style_values(0.2), passport={"timed_on": "a CPU"})]

    (axis,) = FIGURES["speed"](runs).axes

    lines = {line.get_label(): line for line in axis.lines}
    np.testing.assert_allclose(lines["50 iterations"].get_ydata(), [100, 100])
    np.testing.assert_allclose(lines["300 iterations"].get_ydata(), [1000, 1000])
    assert "a CPU" in axis.get_title()


def test_sharpness_has_a_panel_for_each_factor(run_of):
    values = {
        "sharpness": 0.8, "psnr_y": 24.0, "sharpness_bicubic": 0.5,
        "psnr_y_bicubic": 25.0,
    }  # fmt: skip
    runs = [run_of(name, values) for name in ("sr4_pixel", "sr4_feature", "sr8_pixel")]

    figure = FIGURES["sharpness"](runs)

    assert [axis.get_title() for axis in figure.axes] == [
        "enlarged 4 times", "enlarged 8 times"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "variant"),
    [("objective", "sr4_pixel"), ("speed", "sr4_pixel"), ("sharpness", "style_batch")],
)
def test_runs_of_the_other_task_leave_nothing_to_draw(run_of, name, variant):
    with pytest.raises(NothingToDraw):
        FIGURES[name]([run_of(variant, style_values(0.1))])
