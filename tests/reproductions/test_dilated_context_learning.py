"""Stages of training: the loss by hand, who learns when, and how steps are divided."""

import keras
import numpy as np
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from cai_keras.training.stages import divide_steps
from cai_keras.training.updates import apply_updates
from reproductions.dilated_context import experiment, pretrained
from reproductions.dilated_context.learner import Segmenter, labelled_cross_entropy
from reproductions.dilated_context.model import FRONT_ENDS, build_networks

PAPER = find_paper("dilated_context")


def recipe_of(variant, *sets, scale="smoke"):
    return PAPER.recipe(scale, variant, sets=sets)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return {
        "input": rng.normal(size=(2, 14, 14, 3)).astype("float32"),
        "label": rng.integers(0, 8, (2, 8, 8)),
    }


# The loss


def test_the_loss_is_the_mean_over_the_labelled_pixels_of_each_image():
    # Logits ln 3 and 0: probabilities 3/4 and 1/4.
    logits = np.log(np.tile([3.0, 1.0], (2, 1, 4, 1)))
    labels = np.array([[[0, 1, 255, 255]], [[0, 0, 0, 255]]])

    found = np.asarray(labelled_cross_entropy(labels, logits))

    expected = [(np.log(4 / 3) + np.log(4)) / 2, np.log(4 / 3)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_image_without_labels_costs_nothing():
    logits = np.zeros((1, 2, 2, 3))

    found = labelled_cross_entropy(np.full((1, 2, 2), 255), logits)

    assert np.asarray(found).tolist() == [0.0]


def test_ignored_pixels_have_no_gradient():
    import tensorflow as tf

    logits = tf.Variable(np.random.default_rng(0).normal(size=(1, 1, 2, 3)))
    with tf.GradientTape() as tape:
        loss = labelled_cross_entropy(np.array([[[1, 255]]]), logits)
    slope = tape.gradient(loss, logits).numpy()

    assert np.abs(slope[0, 0, 0]).min() > 0
    assert not slope[0, 0, 1].any()


# Stages


@pytest.mark.parametrize(
    ("names", "learning"),
    [
        (("front_end",), {"front_end"}),
        (("front_end", "context"), {"front_end", "context"}),
    ],
)
def test_a_stage_changes_its_own_networks_alone(names, learning, batch):
    built = build_networks(recipe_of("voc_basic"))
    parts = {name: built.by_name[name] for name in names}
    sgd = {"stage": keras.optimizers.SGD(0.1)}
    learner = Segmenter(parts, sgd, built.logits(*names))
    before = {name: part.get_weights() for name, part in built.by_name.items()}

    losses = apply_updates(learner, batch)

    assert float(losses["stage/cross_entropy"]) > 0
    changed = {
        name
        for name, part in built.by_name.items()
        if any(
            (a != b).any()
            for a, b in zip(part.get_weights(), before[name], strict=True)
        )
    }
    assert changed == learning


@pytest.mark.parametrize(
    ("variant", "scale", "expected"),
    [
        # Section 4: 60,000 steps; Appendix A.3: 40,000, 24,000 and 60,000.
        ("voc_front_end", "paper", (60_000, 0, 0)),
        ("voc_large", "paper", (60_000, 24_000, 0)),
        ("voc_basic_untrained", "paper", (60_000, 0, 0)),
        ("voc_basic_early", "paper", (60_000, 1_000, 0)),
        ("cityscapes_dilation10", "paper", (40_000, 24_000, 60_000)),
        ("voc_basic", "small", (150, 600, 0)),
        ("voc_front_end", "small", (750, 0, 0)),
        ("voc_basic_early", "small", (150, 100, 0)),
        ("voc_large_untrained", "small", (150, 0, 0)),
    ],
)
def test_the_steps_of_each_stage(variant, scale, expected):
    steps = stages_of(recipe_of(variant, scale=scale))

    assert tuple(steps.values()) == expected


def stages_of(recipe):
    return divide_steps(recipe.train.total_steps, vars(recipe.model.stages))


@pytest.mark.parametrize("total", [1, 7, 10])
def test_stages_share_other_numbers_of_steps_in_proportion(total):
    steps = stages_of(recipe_of("voc_basic", f"train.steps={total}"))

    assert sum(steps.values()) == total
    assert abs(steps["front_end"] - total / 2) <= 0.5


def test_stages_without_any_share_are_refused():
    recipe = recipe_of("voc_front_end", "model.stages.front_end=0")

    with pytest.raises(UsageError, match="one of the stages must be above 0"):
        stages_of(recipe)


def test_a_stage_of_a_network_that_is_not_there_is_refused():
    recipe = recipe_of("voc_front_end", "model.stages.context=1", "train.steps=2")

    with pytest.raises(UsageError, match="context: voc_front_end has no context"):
        experiment.build(recipe, 0)


def test_the_untrained_module_has_a_phase_without_steps():
    built = experiment.build(recipe_of("voc_basic_untrained"), 0)

    assert [phase.steps for phase in built.phases] == [4, 0]
    assert set(built.networks()) == {"front_end", "context"}


# The networks


def test_undilated_layers_have_as_many_parameters_as_dilated_ones():
    counts = {
        variant: build_networks(
            recipe_of(variant, scale="small")
        ).context.count_params()
        for variant in ("voc_basic", "voc_basic_undilated", "voc_basic_xavier")
    }

    # 64 C^2 + 8 C with C = 8.
    assert counts == dict.fromkeys(counts, 4_160)


def test_the_small_front_end_cuts_its_margin_off():
    kind = FRONT_ENDS["three_convolutions"]
    network = kind.build(recipe_of("voc_basic").model, 3)

    assert network.compute_output_shape((1, 54, 54, 3)) == (1, 48, 48, 3)
    assert (54 - 2 * kind.margin) / kind.stride == 48


def test_both_logits_are_the_front_ends_and_the_whole_networks(batch):
    built = build_networks(recipe_of("voc_basic_xavier"))

    both = np.asarray(built.both_logits()(batch["input"]))

    first = np.asarray(built.logits("front_end")(batch["input"]))
    whole = np.asarray(built.logits("front_end", "context")(batch["input"]))
    np.testing.assert_allclose(both, np.concatenate([first, whole], -1), rtol=1e-5)


def test_a_deconvolution_must_undo_the_stride():
    recipe = recipe_of("voc_basic", "model.upsampling=4")

    with pytest.raises(UsageError, match="expected 1, or the stride of three_convo"):
        build_networks(recipe)


# What it starts from


def test_the_papers_front_end_starts_from_vgg16_and_cuts_its_margin_off(monkeypatch):
    kind = FRONT_ENDS["vgg16"]
    vgg = keras.applications.VGG16(weights=None)
    front_end = kind.build(None, 2)
    monkeypatch.setitem(pretrained._STARTS, "imagenet", lambda: vgg)

    pretrained.start_from(front_end, recipe_of("voc_basic", scale="paper").model)

    theirs = vgg.get_layer("fc1").kernel
    ours = front_end.get_layer("hidden1").kernel
    # Row 2, column 3, channel 5 of the 7 x 7 x 512 maps.
    np.testing.assert_array_equal(ours[2, 3, 5], theirs[(2 * 7 + 3) * 512 + 5])
    assert kind.margin == 186
    # The released instructions train on 500 pixels, and test on 900.
    for side, maps in ((500, 16), (900, 66)):
        assert front_end.compute_output_shape((1, side, side, 3)) == (1, maps, maps, 2)
        assert (side - 2 * kind.margin) / kind.stride == maps


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("imagenet", "imagenet has no weights for three_convolutions"),
        ("coco", "unknown name 'coco'"),
    ],
)
def test_another_start_is_refused(start, message):
    recipe = recipe_of("voc_basic", f"model.start_from={start}")

    with pytest.raises(UsageError, match=message):
        pretrained.start_from(build_networks(recipe).front_end, recipe.model)
