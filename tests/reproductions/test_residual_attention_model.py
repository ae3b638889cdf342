"""Networks of the variants, their measurements, and the figures drawn from them."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.cli.papers import find_paper
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.classifier import ErrorCounts
from cai_keras.training.config import resolved_yaml
from reproductions.residual_attention import evaluate, experiment, figures
from reproductions.residual_attention.evaluate import Findings, metrics_of


def recipe(scale, variant, *sets):
    return find_paper("residual_attention").recipe(scale, variant, sets=sets)


def network(scale, variant, *sets):
    keras.utils.set_random_seed(0)
    return experiment.networks(recipe(scale, variant, *sets))["classifier"]


def count(model) -> int:
    return sum(int(ops.size(weight)) for weight in model.trainable_weights)


# Networks


def test_attention_92_for_cifar_has_the_published_size():
    found = count(network("paper", "attention92"))

    assert found == 1_841_242
    assert found == pytest.approx(1.9e6, rel=0.04)


def test_a_hundred_classes_need_ninety_more_rows_of_257():
    assert count(network("paper", "cifar100_attention92")) == 1_841_242 + 90 * 257


def test_the_resnet_of_the_small_scale_has_as_many_parameters():
    attention = count(network("small", "attention92_noise0"))
    resnet = count(network("small", "resnet164_noise0"))

    assert resnet == pytest.approx(attention, rel=0.01)


@pytest.mark.parametrize(
    ("variant", "modules"), [("attention56", 1), ("naive92", 2), ("attention164", 4)]
)
def test_modules_a_stage_at_paper_and_small_scale(variant, modules):
    assert recipe("paper", variant).model.modules == modules
    assert recipe("small", variant).model.modules == modules


# Measurements


def counts(count, errors, cross_entropy):
    found = ErrorCounts(10)
    found.count, found.errors, found.cross_entropy = count, errors, cross_entropy
    return found


def test_metrics_of_sums_worked_out_by_hand():
    test = Findings(counts(20, {1: 5, 5: 1}, 30.0), np.array([40.0, 200.0]))
    sample = Findings(counts(8, {1: 0, 5: 0}, 4.0), np.array([1.0, 1.0]))

    found = {name: (m.value, m.count) for name, m in metrics_of(test, sample).items()}

    assert found == {
        "error_percent": (25.0, 20),
        "top5_error_percent": (5.0, 20),
        "stage1_mean_absolute_response": (2.0, 20),
        "stage2_mean_absolute_response": (10.0, 20),
        "last_stage_response_decibels": (pytest.approx(20.0), 20),
        "training_cross_entropy_nats": (0.5, 8),
    }


def test_a_stage_that_is_silent_has_no_decibels():
    found = metrics_of(Findings(counts(4, {1: 0}, 0.0), np.array([0.0])), None)

    assert found["last_stage_response_decibels"].value is None
    assert "training_cross_entropy_nats" not in found


def test_findings_are_those_of_the_network_itself():
    model = network("smoke", "attention56")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(7, 8, 8, 3)).astype("float32")
    labels = rng.integers(0, 10, 7)
    parts = [(images[:3], labels[:3]), (images[3:], labels[3:])]

    found = evaluate.examine(evaluate.Probe(model), parts, batch_size=2)

    logits = ops.convert_to_numpy(model(images))
    stage = keras.Model(model.input, model.get_layer("stage1").output)
    features = ops.convert_to_numpy(stage(images))
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found.errors.count == 7
    assert found.errors.errors[1] == (logits.argmax(axis=1) != labels).sum()
    assert found.errors.cross_entropy == pytest.approx(
        -log_p[range(7), labels].sum(), rel=1e-4
    )
    expected = np.abs(features).mean(axis=(1, 2, 3)).sum()
    np.testing.assert_allclose(found.responses, [expected], rtol=1e-4)


@pytest.mark.parametrize(("variant", "sign"), [("attention56", 1), ("naive56", 0)])
def test_maps_behind_a_gate_are_the_trunk_under_the_mask(variant, sign):
    # One filter a map, so that the mean over channels hides nothing.
    model = network("smoke", variant, "model.filters=[4]")
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    gate = model.get_layer("stage1_module1_gate")
    trunk, mask = keras.Model(model.input, gate.input)(images)

    first, last = evaluate.first_and_last_gate(model, images)

    expected = np.abs((sign + np.asarray(mask)) * np.asarray(trunk)).mean(axis=-1)
    assert first.name == last.name == "stage1_module1"
    np.testing.assert_allclose(first.after, expected, rtol=1e-4)
    np.testing.assert_allclose(first.mask, np.asarray(mask).mean(axis=-1), rtol=1e-4)


def test_a_resnet_has_no_masks():
    images = np.zeros((1, 8, 8, 3), "float32")

    assert (
        evaluate.first_and_last_gate(network("smoke", "resnet164_noise0"), images) == []
    )


def test_larger_test_images_are_seen_by_the_same_weights():
    wanted = recipe("smoke", "attention56", "data.test_side=16")
    model = network("smoke", "attention56")

    larger = experiment._at_test_size(model, wanted)

    assert larger.input_shape == (None, 16, 16, 3)
    for weight, same in zip(larger.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


# Figures over runs


@pytest.fixture
def finished(tmp_path, make_record):
    """Function from variants and their errors to finished runs at small scale."""

    def make(errors):
        runs = []
        for (variant, seed), error in errors.items():
            folder = RunFolder.of(
                tmp_path, "residual_attention", "small", variant, seed
            )
            folder.config_path.parent.mkdir(parents=True)
            folder.config_path.write_text(resolved_yaml(recipe("small", variant), seed))
            values = {
                "test/error_percent": error,
                "test/training_cross_entropy_nats": error / 50,
                "test/stage1_mean_absolute_response": error / 10,
                "test/stage2_mean_absolute_response": error / 20,
            }
            runs.append(
                FinishedRun(folder, make_record(values, variant=variant, seed=seed))
            )
        return runs

    return make


def lines(axis):
    """Label -> (x, y) of each curve with error bars."""
    return {
        bars.get_label(): (bars[0].get_xdata().tolist(), bars[0].get_ydata().tolist())
        for bars in axis.containers
    }


def test_depth_is_drawn_as_means_over_seeds(finished):
    runs = finished(
        {
            ("attention56", 0): 60.0,
            ("attention56", 1): 64.0,
            ("attention164", 0): 50.0,
            ("naive56", 0): 70.0,
            ("attention56_channel", 0): 1.0,
            ("attention92_noise30", 0): 2.0,
        }
    )

    _, error, loss = figures.draw_depth(runs).axes

    residual, naive = (
        figures._GATES["attention_residual"][0],
        figures._GATES["naive"][0],
    )
    assert lines(error) == {residual: ([1, 4], [62.0, 50.0]), naive: ([1], [70.0])}
    assert lines(loss)[naive] == ([1], [1.4])


def test_noise_is_drawn_for_both_networks(finished):
    runs = finished(
        {
            ("attention92_noise0", 0): 60.0,
            ("attention92_noise70", 0): 80.0,
            ("resnet164_noise70", 0): 82.0,
            ("attention92", 0): 1.0,
        }
    )

    _, ours = figures.draw_noise(runs).axes

    attention, resnet = (name for name, *_ in figures._NETWORKS.values())
    assert lines(ours) == {attention: ([0, 70], [60.0, 80.0]), resnet: ([70], [82.0])}


def test_responses_have_a_panel_for_each_depth(finished):
    runs = finished(
        {("attention56", 0): 60.0, ("naive56", 0): 20.0, ("naive164", 0): 4.0}
    )

    one, four = figures.draw_responses(runs).axes

    assert [line.get_ydata().tolist() for line in one.lines] == [[6.0, 3.0], [2.0, 1.0]]
    assert [line.get_ydata().tolist() for line in four.lines] == [[0.4, 0.2]]


@pytest.mark.parametrize("draw", figures.FIGURES.values(), ids=figures.FIGURES)
def test_runs_of_other_variants_give_nothing_to_draw(draw, finished):
    with pytest.raises(NothingToDraw):
        draw(finished({("attention56_local", 0): 50.0}))


def test_published_numbers_of_the_figures_are_those_of_the_claims():
    claims = {
        claim.variant: claim.value
        for claim in find_paper("residual_attention").file.claims
        if claim.kind == "value" and claim.metric == "test/error_percent"
    }

    depth = {"attention_residual": "attention", "naive": "naive"}
    for gate, values in figures.PUBLISHED_DEPTH.items():
        for modules, value in values.items():
            assert claims[f"{depth[gate]}{36 * modules + 20}"] == value
    names = {"attention": "attention92", "resnet": "resnet164"}
    for kind, values in figures.PUBLISHED_NOISE.items():
        for percent, value in values.items():
            assert claims[f"{names[kind]}_noise{percent}"] == value
