"""Every custom layer has an alternative that computes the same."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks import layers
from benchmarks.layer_calls import make_call
from benchmarks.layer_cases import CASES, SAME
from benchmarks.layer_table import cells, print_rows
from benchmarks.naive_layers import Formula
from cai_keras.layers.non_local import NonLocal
from cai_keras.layers.squeeze_excitation import SqueezeExcitation

# Small, and as awkward as the table of all layers has them.
SMALL = {
    "batch_normalization": (3, 4, 5, 6),
    "grouped_conv2d": (2, 5, 4, 64),
    "conditional_batch_normalization": (4, 3, 2, 5),
    "spectral_normalization": (2, 5, 4, 3),
    "self_attention2d": (2, 4, 6, 16),
    "non_local": (2, 4, 6, 4),
    "position_attention": (2, 3, 4, 8),
    "squeeze_excitation": (2, 3, 5, 32),
    "projection_head": (6, 5),
    "minibatch_deviation": (8, 2, 3, 5),
    "local_response_normalization": (2, 4, 4, 7),
    "weighted_l1_similarity": ((4, 6), (4, 6)),
    "bilinear_deconvolution": (2, 4, 3, 5),
    "bilinear_resize": (2, 4, 3, 5),
    "reflection_padding2d": (1, 42, 41, 2),
    "attention_mask": (2, 4, 3, 5),
    "mask_gate": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "channel_choice": (2, 3, 3, 64),
    "image_preparation": (2, 3, 4, 3),
    "learned_pictures": (5,),
}


@pytest.fixture(autouse=True)
def _eagerly():
    """Compiling takes ten times as long as these small layers."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def small(case):
    shape = SMALL.get(case.layer)
    if case.layer == "spatial_transformer":
        shape = ((2, 5, 4, 3), (2, case.shapes[1][1]))
    if case.layer == "learned_pictures":
        return replace(
            case, shape=shape, arguments={"count": 4, "height": 3, "width": 2}
        )
    return replace(case, shape=shape)


def case_id(case):
    return f"{case.layer}-{case.case}-{case.other}".replace(" ", "_")


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_layer_and_its_alternative_give_the_same(case):
    if keras.backend.backend() not in case.backends:
        pytest.skip("this backend has no such operation")
    case = small(case)
    ours, other = first_results(case)
    if case.same != SAME:
        ours, other = ours[:1], other[:1]

    assert layers.relative_difference(ours, other) < 1e-4


def first_results(case):
    """Outputs and gradients of both sides."""
    inputs, labels = layers.inputs_of(case)
    both = [make(**case.arguments) for make in (case.ours, case.kerass)]
    for layer in both:
        layers.build(layer, inputs, labels)
    layers.copy_weights(*both)
    outputs = make_call(both[0], inputs, labels, None)()[0]
    layers.copy_weights(*both)  # the call may have moved a vector of ours
    factors = np.random.default_rng(1).normal(size=outputs.shape).astype("float32")
    ours, other = (make_call(layer, inputs, labels, factors)() for layer in both)
    return ours, layers.in_our_shapes(ours, other)


@pytest.fixture(scope="module")
def table():
    """The table of all layers through which each goes in its own tests."""
    path = Path(__file__).parent / "layers" / "test_layer_table.py"
    spec = importlib.util.spec_from_file_location("layer_table_of_the_tests", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TABLE


def test_every_layer_of_the_tests_has_a_case(table):
    made = {type(case.ours(**case.arguments)) for case in CASES}

    assert {row.layer for row in table.values()} == made
    assert {case.layer for case in CASES} == set(layers.layer_names())


FORMULAE = {
    case.ours: case
    for case in CASES
    if isinstance(case.kerass(**case.arguments), Formula)
}


def test_formulae_agree_on_the_cases_of_the_tests(table):
    compared = 0
    for name, row in table.items():
        case = FORMULAE.get(row.layer)
        if case is None:
            continue
        shape = row.shapes if len(row.shapes) > 1 else row.shapes[0]
        arguments = {
            key: value for key, value in row.arguments.items() if key != "max_entries"
        }
        if row.layer is NonLocal:  # see its cases in the benchmark
            arguments["kernel_initializer"] = "glorot_uniform"
        case = replace(case, shape=shape, arguments=arguments, classes=row.classes)
        assert layers.relative_difference(*first_results(case)) < 1e-4, name
        compared += 1
    assert compared >= 25


def test_a_gradient_of_rounding_is_compared_with_the_others():
    # 5e-5 is below 1e-5 of 10: over 10. 2e-4 is not: it differs by all of itself.
    noise = [np.array([10.0]), np.array([5e-5])]
    small = [np.array([10.0]), np.array([2e-4])]
    other = [np.array([10.0]), np.array([1e-5])]

    assert layers.relative_difference(noise, other) == pytest.approx(4e-6)
    assert layers.relative_difference(other, small) == pytest.approx(0.95)
    with pytest.raises(ValueError, match="shapes"):
        layers.relative_difference([np.zeros((2, 1))], [np.zeros(2)])


def test_the_golden_seconds_are_of_the_same_sizes():
    golden = json.loads(layers._GOLDEN.read_text())["cases"]
    named = [case for case in CASES if case.addon]

    assert {case.layer for case in named} == {
        "spectral_normalization", "position_attention", "spatial_transformer"
    }  # fmt: skip
    for case in named:
        shapes = golden[case.addon]["shapes"]
        theirs = shapes.get("x") or shapes["images"]
        assert tuple(theirs) == case.shapes[0], case.addon


def test_a_row_has_both_passes_and_the_time_of_the_original():
    case = next(case for case in CASES if case.addon == "multi_head_attention")
    row = layers.measure(small(case), rounds=2)

    assert set(row["passes"]) == {"forward", "forward_backward"}
    assert row["relative_difference"] < 1e-4
    assert row["alternative"] == "keras.layers.MultiHeadAttention"
    assert row["addons"]["original"] == "tfa.layers.MultiHeadAttention"
    assert row["addons"]["forward"]["milliseconds"] > 0
    for found in row["passes"].values():
        low, high = found["interval_95"]
        assert low <= found["speed_over_alternative"] <= high


def test_a_layer_without_a_case_is_a_row_with_the_reason():
    cases = [case for case in CASES if case.layer != "mask_gate"]

    assert layers.absent_rows(CASES) == []
    (row,) = layers.absent_rows(cases)
    assert row["layer"] == "mask_gate"
    assert row["reason"] == "nothing is written that does the same"
    assert row["passes"] is None


def test_a_backend_that_is_not_installed_is_a_row_with_the_reason():
    (row,) = layers.measure_elsewhere("torch", "mask_gate", 3, find=lambda name: None)

    assert row["reason"] == "torch is not installed"
    assert (row["layer"], row["backend"]) == ("mask_gate", "torch")
    assert cells(row)["alternative"] == "torch is not installed"


def test_another_backend_is_measured_in_a_process_with_its_name():
    seen = {}

    def run(command, env, **options):
        seen.update(command=command, backend=env["KERAS_BACKEND"])
        return SimpleNamespace(returncode=0, stdout='{"metrics": [{"layer": "a"}]}')

    rows = layers.measure_elsewhere("jax", "non_local", 4, run, find=lambda name: 1)
    assert rows == [{"layer": "a"}]
    assert seen["backend"] == "jax"
    assert seen["command"][-4:] == ["--rounds", "4", "--layer", "non_local"]

    def crash(*_, **__):
        return SimpleNamespace(returncode=-9, stdout="")

    (row,) = layers.measure_elsewhere("jax", None, 4, crash, find=lambda name: 1)
    assert row["reason"] == "the process ended with -9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "1"], "--rounds 1: expected 2 or more"),
        (["--backend", "tensorflow,torhc"], "--backend torhc: did you mean 'torch'?"),
        (["--json", "nowhere/a.json"], "no folder nowhere"),
    ],
)
def test_wrong_options_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        layers.parse(arguments)
    assert message in capsys.readouterr().err


def test_a_formula_has_no_weights_but_its_own():
    shape = (2, 3, 3, 32)
    ours = SqueezeExcitation()
    ours.build(shape)
    made = Formula(SqueezeExcitation(), lambda layer, weights, x, training: x)
    made.build(shape)

    assert [w.shape for w in made.weights] == [w.shape for w in ours.weights]


def test_the_table_says_which_number_is_across_processes(capsys):
    part = {
        "milliseconds": {"cai_keras": 2.0, "alternative": 5.0},
        "speed_over_alternative": 2.5,
        "interval_95": [2.0, 3.0],
    }
    golden = {"milliseconds": 4.0, "speed_across_processes": 2.0}
    row = {
        "layer": "a", "case": "b", "backend": "tensorflow", "alternative": "c",
        "passes": {"forward": part, "forward_backward": part},
        "relative_difference": 3e-7, "reason": None,
        "addons": {"cpu": "some CPU", "forward": golden},
    }  # fmt: skip

    assert cells(row)["forward"] == "2.00 ms, 2.50 [2.00, 3.00]"
    assert cells(row)["addons"] == "4.00 ms, 2.00"
    assert cells(row)["difference"] == "3e-07"
    print_rows([row])
    output = capsys.readouterr().out
    assert "measured in another process on some CPU" in output
