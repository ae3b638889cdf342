"""Fair and right: every loop does the same work, and the arithmetic of the report."""

import importlib.util
import json
import sys
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest

from benchmarks import engine, loops, resnet20, siamese
from cai_keras.errors import UsageError
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.training.timing import interleave

BATCH, STEPS = 4, 3
TINY = {"side": 8, "filters": (4, 8), "blocks_per_stage": 1}
MAKERS = {
    "resnet20": partial(resnet20.make_workload, BATCH, STEPS, **TINY),
    "siamese": partial(siamese.make_workload, BATCH, STEPS, "smoke"),
}
needs_pytorch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="torch is not installed; pip install 'cai-keras[parity]'",
)


@pytest.fixture(scope="module", params=MAKERS)
def workload(request):
    # Adam divides by a gradient's size, so the rounding of tiny ones would show.
    sgd = partial(keras.optimizers.SGD, 0.1, momentum=0.9)
    return replace(MAKERS[request.param](), optimizer=sgd)


@pytest.fixture
def tiny_resnet20(monkeypatch):
    """`--network resnet20` is a tiny one."""
    make = partial(resnet20.make_workload, **TINY)
    monkeypatch.setattr(resnet20, "make_workload", make)


def trained(workload, make_call):
    """The network's weights after one call, from the weights that all start with."""
    network = workload.network()
    make_call(workload, BATCH, network)()
    return network.get_weights()


def in_pytorchs_order(weight):
    """Kernels of Keras: (height, width, in, out) and (in, out); PyTorch: out first."""
    return weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T


def assert_close(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_resnet20_has_the_parameters_of_the_paper():
    # Convolutions, no bias: 27 * 16; 6 of 9 * 16 * 16; 9 * 16 * 32 and 5 of
    # 9 * 32 * 32; 9 * 32 * 64 and 5 of 9 * 64 * 64: 432 + 13,824 + 50,688 + 202,752.
    # Scale and offset: 2 * (7 * 16 + 6 * 32 + 6 * 64) = 1,376. Dense: 650.
    network = resnet20.build_resnet20()
    assert sum(int(np.prod(one.shape)) for one in network.trainable_weights) == 269_722
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    assert sum(isinstance(layer, kinds) for layer in network.layers) == 20
    assert network.output_shape == (None, 10)


def test_the_shortcut_keeps_every_second_pixel_and_adds_zero_channels():
    image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    image = np.concatenate([image, -image], axis=-1)
    output = np.asarray(resnet20.ZeroPaddedShortcut()(image))
    # Rows and columns 0 and 2 of 0..15 in rows of four.
    assert output[0, :, :, 1].tolist() == [[0, 2], [8, 10]]
    assert output[0, :, :, 2].tolist() == [[0, -2], [-8, -10]]
    assert not output[..., [0, 3]].any()


def test_resnet20_takes_the_fused_batch_normalisation():
    layers = resnet20.build_resnet20().layers
    norms = [one for one in layers if isinstance(one, BatchNormalization)]
    assert len(norms) == 19
    assert all(one._can_fuse(keras.Input((8, 8, 4)), None) for one in norms)


@pytest.mark.parametrize(
    "make_call",
    [
        loops.bare_call,
        loops.bare_graph_call,
        partial(loops.fit_call, clock=loops.Stopwatch(), shuffle=False),
    ],
    ids=["bare_call", "bare_graph_call", "fit_call"],
)
def test_every_loop_ends_at_the_weights_of_the_engine(workload, make_call, tmp_path):
    ours = trained(workload, partial(loops.engine_call, folder=tmp_path))
    assert_close(trained(workload, make_call), ours)


def test_keras_batch_normalisation_ends_at_the_same_weights(workload, tmp_path):
    ours = trained(workload, partial(loops.engine_call, folder=tmp_path))
    network = workload.keras_network()
    loops.fit_call(workload, BATCH, network, loops.Stopwatch(), shuffle=False)()
    assert_close(network.get_weights(), ours)


def test_training_changes_the_weights(workload, tmp_path):
    before = workload.network().get_weights()
    after = trained(workload, partial(loops.engine_call, folder=tmp_path))
    assert all((one != other).any() for one, other in zip(before, after, strict=True))


def test_the_keras_network_has_none_of_our_batch_normalisation(workload):
    network = workload.keras_network()
    kinds = {type(layer) for layer in network._flatten_layers()}
    assert BatchNormalization not in kinds
    assert keras.layers.BatchNormalization in kinds


def test_the_engines_call_stops_at_a_loss_that_is_not_a_number(tmp_path):
    workload = MAKERS["resnet20"]()
    workload.data["images"][0] = np.nan
    call = loops.engine_call(workload, BATCH, workload.network(), tmp_path)
    with pytest.raises(FloatingPointError, match="network/cross_entropy"):
        call()


def test_without_torch_the_reason_stands_in_its_place(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    calls, absent = loops.make_calls(MAKERS["resnet20"](), BATCH, tmp_path, None)
    assert absent == {"pytorch eager channels-last": "torch is not installed"}
    assert list(calls) == [
        "engine",
        "engine, losses unchecked",
        "bare loop",
        "bare loop in the graph",
        "keras fit",
        "keras fit, fused batch norm",
    ]


@needs_pytorch
def test_pytorchs_resnet20_has_the_same_parameters():
    from benchmarks.resnet20_pytorch import ResNet20

    assert sum(one.numel() for one in ResNet20().parameters()) == 269_722


@needs_pytorch
def test_pytorch_ends_at_the_same_weights_where_no_stride_differs(tmp_path):
    import torch

    from benchmarks.resnet20_pytorch import ResNet20, pytorch_call

    sizes = {"filters": (4,), "blocks_per_stage": 2}
    workload = resnet20.make_workload(BATCH, STEPS, side=8, **sizes)
    network, other = workload.network(), ResNet20(**sizes)
    with torch.no_grad():
        pairs = zip(other.parameters(), network.trainable_weights, strict=True)
        for parameter, weight in pairs:
            parameter.copy_(torch.tensor(in_pytorchs_order(weight.numpy())))
    loops.engine_call(workload, BATCH, network, tmp_path)()
    pytorch_call(workload.data, BATCH, other)()
    found = [one.detach().cpu().numpy() for one in other.parameters()]
    expected = [in_pytorchs_order(one.numpy()) for one in network.trainable_weights]
    assert_close(found, expected)


def test_rows_hold_speeds_and_ratios_of_neighbours_in_time():
    clock = [0.0]

    def takes(seconds):
        def call():
            clock[0] += seconds

        return call

    calls = {"engine": takes(2.0), "bare loop": takes(3.0), "keras fit": takes(5.0)}
    seconds = interleave(calls, rounds=4, clock=lambda: clock[0])
    left_out = {"keras fit": 7.0}
    absent = {"pytorch": "torch is not installed"}
    rows = engine.rows_of("net", 60, seconds, left_out, absent)

    assert [row["loop"] for row in rows] == [*calls, "pytorch"]
    assert rows[0] == {
        "network": "net",
        "loop": "engine",
        "images_per_second": 30.0,
        "spread_percent": 0.0,
        "seconds": 8.0,
        "left_out_seconds": 0.0,
        "over_bare_loop": 1.5,
        "over_bare_loop_95": [1.5, 1.5],
        "over_keras_fit": 2.5,
        "over_keras_fit_95": [2.5, 2.5],
        "reason": None,
    }
    assert rows[1]["over_bare_loop"] == 1.0
    assert rows[2]["left_out_seconds"] == 7.0
    known = {key: value for key, value in rows[3].items() if value is not None}
    assert known == {"network": "net", "loop": "pytorch", "reason": absent["pytorch"]}


def test_a_stopwatch_leaves_out_what_it_is_told_to():
    now = [10.0]
    watch = loops.Stopwatch(lambda: now[0])
    now[0] = 13.0
    moment = watch()
    now[0] = 17.0
    watch.leave_out_since(moment, "fit")
    assert (watch(), watch.left_out) == (13.0, {"fit": 4.0})
    now[0] = 18.0
    assert watch() == 14.0


def test_fit_leaves_out_what_comes_after_training(monkeypatch):
    workload = MAKERS["resnet20"]()
    network = workload.network()
    fit, now = network.fit, [0.0]

    def fit_and_wait(*arguments, **options):
        fit(*arguments, **options)
        now[0] += 5.0

    monkeypatch.setattr(network, "fit", fit_and_wait)
    watch = loops.Stopwatch(lambda: now[0])
    loops.fit_call(workload, BATCH, network, watch)()
    assert (watch(), watch.left_out) == (0.0, {"keras fit": 5.0})


def test_the_spread_is_the_interquartile_range_over_the_median():
    # Quartiles of 1, 2, 3, 4, 5: 2, 3 and 4; (4 - 2) / 3.
    assert engine.spread_percent([5, 3, 1, 4, 2]) == pytest.approx(200 / 3)


def test_noise_names_the_largest_spread_and_warns_above_ten_percent():
    rows = [
        {"network": "net", "loop": "engine", "spread_percent": 4.0},
        {"network": "net", "loop": "bare loop", "spread_percent": 9.96},
        {"network": "net", "loop": "pytorch", "spread_percent": None},
    ]
    (line,) = engine.noise_lines(rows)
    assert line.startswith("noise: largest spread 10.0 % (net, bare loop;")

    rows[0]["spread_percent"] = 10.1
    line, warning = engine.noise_lines(rows)
    assert line.startswith("noise: largest spread 10.1 % (net, engine;")
    assert warning.startswith("WARNING: spread above 10 %: net engine.")


def test_what_was_left_out_is_named_beside_what_was_counted():
    row = {"network": "net", "loop": "keras fit", "left_out_seconds": 7.0}
    rows = [{**row, "seconds": 20.0}, {**row, "left_out_seconds": None}]
    (line,) = engine.wait_lines(rows)
    assert "net keras fit waited 7.0 s" in line
    assert "beside 20.0 s of training" in line


def test_a_run_prints_a_table_and_writes_the_rows(tiny_resnet20, tmp_path, capsys):
    path = tmp_path / "speed.json"
    result = engine.run("resnet20", batch=2, rounds=2, steps=1, json_file=path)

    written = json.loads(path.read_text())
    assert written == result
    assert (written["batch"], written["rounds"], written["steps"]) == (2, 2, 1)
    assert written["machine"]["cpu"]
    assert {"keras", "tensorflow", "torch"} <= set(written["machine"]["versions"])
    measured = [row for row in written["rows"] if row["reason"] is None]
    assert {row["loop"] for row in measured} >= {"engine", "bare loop", "keras fit"}
    assert all(row["images_per_second"] > 0 for row in measured)
    text = capsys.readouterr().out
    assert all(row["loop"] in text for row in written["rows"])
    assert "noise: largest spread" in text
    assert "left out: resnet20 keras fit waited" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": "resnet2"}, "--network: unknown name 'resnet2'; did you mean"),
        ({"networks": "siamese,"}, "--network: unknown name ''"),
        ({"rounds": 1}, "--rounds 1: expected 2 or more"),
        ({"steps": 0}, "--steps 0: expected 1 or more"),
        ({"batch": 0}, "--batch 0: expected 1 or more"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_measured(options, message):
    with pytest.raises(UsageError, match=message):
        engine.run(**options)


def test_a_file_without_a_folder_is_refused_before_the_measurement(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        engine.run(json_file=tmp_path / "no" / "speed.json")
