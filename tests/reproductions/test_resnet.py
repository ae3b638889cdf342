"""Deep residual learning: networks, signals through layers, figures."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.resnet import evaluate, figures
from reproductions.resnet.model import build_network

PAPER = find_paper("resnet")


def network(scale, variant, *sets):
    recipe = PAPER.recipe(scale, variant, sets=sets)
    side = recipe.data.image_side
    return build_network(recipe.model, (side, side, 3))


def parts(*labelled):
    return lambda: iter(labelled)


# Networks


def test_plain_and_residual_networks_have_the_same_layers():
    plain, residual = (network("small", f"cifar10_{k}56") for k in ("plain", "resnet"))

    assert [w.shape for w in plain.weights] == [w.shape for w in residual.weights]
    # 6 n + 2 layers with weights: 54 3x3 convolutions, the stem and the classifier.
    assert len(evaluate.norms_of_3x3(plain)) == 54


def test_a_plain_network_is_silent_where_one_layer_is_silent():
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    spread = {}
    for kind in ("plain", "resnet"):
        model = network("small", f"cifar10_{kind}20")
        model.get_layer("stage2_block2_norm2").gamma.assign(np.zeros(16))
        logits = ops.convert_to_numpy(model(images))
        spread[kind] = np.abs(logits[0] - logits[1]).max()

    # Only shortcuts bring the image past it.
    assert spread["plain"] == 0
    assert spread["resnet"] > 0


def test_an_unknown_depth_names_what_is_possible():
    with pytest.raises(UsageError, match=r"expected 6 n \+ 2, found 21"):
        network("small", "cifar10_resnet20", "model.depth=21")
    with pytest.raises(UsageError, match=r"model\.depth: unknown name '51'"):
        network("small", "imagenet_resnet50", "model.depth=51")


def test_bottlenecks_without_a_projection_are_refused():
    with pytest.raises(UsageError, match="bottleneck blocks have project"):
        network("smoke", "imagenet_resnet50", "model.shortcut=none")


def test_torchs_stride_costs_as_many_parameters():
    ours, torch = (
        network("small", f"imagenet_resnet50{kind}") for kind in ("", "_torch")
    )

    assert ours.count_params() == torch.count_params()
    strided = torch.get_layer("stage2_block1_conv2")
    assert strided.strides == (2, 2)


# Signals


def test_response_deviations_are_those_of_the_normalised_maps():
    model = network("smoke", "cifar10_resnet20")
    images = np.random.default_rng(0).normal(size=(7, 8, 8, 3)).astype("float32")
    cut = [(images[:4], np.zeros(4)), (images[4:], np.zeros(3))]

    found = evaluate.response_deviations(model, parts(*cut), batch_size=3)

    names = evaluate.norms_of_3x3(model)
    assert names[:2] == ["stage1_block1_norm1", "stage1_block1_norm2"]
    maps = keras.Model(model.input, [model.get_layer(name).output for name in names])
    expected = [np.std(ops.convert_to_numpy(x)) for x in maps(images)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    metrics = evaluate.mean_response(model, parts(*cut), batch_size=3)
    metric = metrics["mean_response_deviation"]
    assert metric.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert metric.count == 7


def linear_network(scale):
    """One block that multiplies by `scale`, without normalisation; two pixels."""
    inputs = x = keras.Input((1, 2, 2))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="stage1_block1_conv1")(x)
    x = ops.mean(x, axis=(1, 2))
    outputs = keras.layers.Dense(2, name="logits")(x)
    model = keras.Model(inputs, outputs)
    kernel = scale * np.eye(2, dtype="float32")[None, None]
    model.get_layer("stage1_block1_conv1").kernel.assign(kernel)
    return model


@pytest.mark.parametrize(("scale", "decibels"), [(10.0, 20.0), (0.1, -20.0)])
def test_a_block_that_multiplies_by_ten_makes_twenty_decibels(scale, decibels):
    images = np.random.default_rng(1).normal(size=(5, 1, 2, 2)).astype("float32")
    labels = np.array([0, 1, 1, 0, 1])

    found = evaluate.gradient_growth(
        linear_network(scale), parts((images, labels)), batch_size=4
    )

    assert found["gradient_growth_decibels"].value == pytest.approx(decibels, abs=1e-3)
    assert found["gradient_growth_decibels"].count == 4


def test_gradients_are_those_of_the_whole_network():
    model = network("smoke", "cifar10_resnet20")
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype("float32")
    labels = np.arange(6)
    before = model.get_weights()
    first, last = evaluate.ends_of_blocks(model)

    found = evaluate.gradient_growth(model, parts((images, labels)), batch_size=6)

    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    # Finite differences in a random direction, with the batch's own statistics.
    rng = np.random.default_rng(2)
    norms = []
    for tensor in (first, last):
        body = keras.Model(model.input, tensor)
        features = ops.convert_to_numpy(body(images, training=True)).astype("float64")
        head = keras.Model(tensor, model.output)

        def loss(x, head=head):
            logits = ops.convert_to_numpy(head(x.astype("float32"), training=True))
            top = logits.max(axis=1, keepdims=True)
            log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
            return float((log_sum - logits[np.arange(6), labels]).sum())

        slopes = []
        for _ in range(200):
            direction = rng.normal(size=features.shape)
            step = 1e-2 / np.linalg.norm(direction)
            rise = loss(features + step * direction) - loss(features - step * direction)
            slopes.append(rise / (2 * step))
        # The mean square of a slope along normal directions is the squared norm.
        norms.append(np.sqrt(np.mean(np.square(slopes))))
    expected = 20 * np.log10(norms[0] / norms[1])
    assert found["gradient_growth_decibels"].value == pytest.approx(expected, abs=2.0)


# Figures


@pytest.fixture
def make_run(make_record):
    import pandas as pd

    def make(variant, seed=0, error=50.0, loss=1.0, responses=(), steps=5, held_out=()):
        recipe = PAPER.recipe("paper" if held_out else "small", variant)
        record = make_record(
            {
                "test/top1_error_percent": error,
                "test/training_cross_entropy_nats": loss,
            },
            variant=variant, seed=seed, steps_done=steps,
            series={"response_deviation": list(responses)} if responses else {},
        )  # fmt: skip
        rows = [("train/classifier/cross_entropy", 1, 2.0),
                ("train/classifier/cross_entropy", 2, loss)]  # fmt: skip
        rows += [
            ("validation/top1_error_percent", step, value)
            for step, value in enumerate(held_out, start=1)
        ]
        table = pd.DataFrame(rows, columns=["metric", "step", "value"])
        return SimpleNamespace(
            record=record,
            config=lambda: {"recipe": recipe.values},
            metrics=lambda: table,
        )

    return make


def test_depth_is_drawn_for_plain_and_residual_networks(make_run):
    runs = [
        make_run("cifar10_plain20", 0, 40.0), make_run("cifar10_plain20", 1, 44.0),
        make_run("cifar10_plain56", 0, 60.0), make_run("cifar10_resnet56", 0, 38.0),
        make_run("cifar10_resnet20_hour", 0, 10.0),
        make_run("cifar10_plain56_untrained", 0, 90.0, steps=0),
    ]  # fmt: skip

    published, error, _ = figures.draw_depth(runs).axes

    (line,) = published.lines
    assert list(line.get_xdata()) == [20, 32, 44, 56, 110]
    plain, residual = (container.lines[0] for container in error.containers)
    np.testing.assert_array_equal(plain.get_xdata(), [20, 56])
    np.testing.assert_array_equal(plain.get_ydata(), [42.0, 60.0])
    np.testing.assert_array_equal(residual.get_ydata(), [38.0])


def test_curves_have_a_panel_for_each_kind_and_a_line_for_each_depth(make_run):
    runs = [make_run("cifar10_plain20"), make_run("cifar10_plain56"),
            make_run("cifar10_resnet20")]  # fmt: skip

    plain, residual = figures.draw_curves(runs).axes

    assert [line.get_label() for line in plain.lines] == ["20 layers", "56 layers"]
    assert len(residual.lines) == 1


def test_responses_are_means_over_seeds_in_order_and_sorted(make_run):
    runs = [make_run("cifar10_resnet20", 0, responses=[1.0, 3.0, 2.0]),
            make_run("cifar10_resnet20", 1, responses=[1.0, 5.0, 2.0])]  # fmt: skip

    in_order, ordered = figures.draw_responses(runs).axes

    np.testing.assert_array_equal(in_order.lines[0].get_ydata(), [1.0, 4.0, 2.0])
    np.testing.assert_array_equal(ordered.lines[0].get_ydata(), [4.0, 2.0, 1.0])


def test_the_schedule_has_the_held_out_error_against_the_share_of_steps(make_run):
    runs = [
        make_run("cifar10_resnet20_hour", 0, 14.0, held_out=(60.0, 20.0)),
        make_run("cifar10_resnet20_hour", 1, 16.0, held_out=(50.0, 30.0)),
        make_run("cifar10_resnet20"),
    ]

    errors, rates = figures.draw_schedule(runs).axes

    held_out, ours, published = errors.lines
    # Of 10 planned steps.
    np.testing.assert_allclose(held_out.get_xdata(), [10, 20])
    np.testing.assert_allclose(held_out.get_ydata(), [55, 25])
    assert set(ours.get_ydata()) == {15.0}
    assert set(published.get_ydata()) == {8.75}
    np.testing.assert_allclose(rates.lines[1].get_ydata(), [0.1, 0.01, 0.001, 0.001])


def test_the_rate_rises_and_falls_along_a_cosine():
    settings = {
        "learning_rate": 0.2,
        "schedule": {"name": "cosine", "warmup_steps": 20, "final_fraction": 0.5},
    }

    found = figures.rates_of(settings, 100, points=6)

    # Steps 0, 20, ..., 100: the peak after 20, then 0.1 + 0.1 (1 + cos(pi n / 4)) / 2.
    falling = [0.1 + 0.05 * (1 + np.cos(np.pi * n / 4)) for n in range(5)]
    np.testing.assert_allclose(found, [0.0, *falling])


def test_without_networks_for_small_images_there_is_nothing_to_draw(make_run):
    runs = [make_run("imagenet_resnet50")]

    for draw in figures.FIGURES.values():
        with pytest.raises(NothingToDraw):
            draw(runs)
    with pytest.raises(NothingToDraw, match="errors during training"):
        figures.draw_schedule([make_run("cifar10_resnet20")])
    with pytest.raises(NothingToDraw, match="responses"):
        figures.draw_responses([make_run("cifar10_resnet20")])
