"""cai_vgg: networks by depth and kernel, and the export of a trained one."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.cli import main as command_line
from cai_keras.cli.papers import find_paper
from cai_keras.networks import feature_networks
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.training.multiply_adds import count_multiply_adds
from reproductions.cai_vgg import figures
from reproductions.cai_vgg.experiment import networks


def network_of(variant, scale="paper"):
    return networks(find_paper("cai_vgg").recipe(scale, variant))["classifier"]


def test_a_5x5_kernel_costs_more_than_two_of_3x3():
    # 18 against 25 weights for each pair of channels, but for the first layer of each
    # block, whose second convolution has as many channels in as out.
    pairs, single = network_of("depth13"), network_of("kernels5x5")

    assert single.count_params() > pairs.count_params()
    # 32 x 32 positions: 25 x 3 x 32; then 16 x 16: 25 x 32 x 64, and so on.
    blocks = [(1024, 3, 32), (256, 32, 64), (64, 64, 128), (16, 128, 256)]
    by_hand = sum(25 * places * a * b for places, a, b in [*blocks, (4, 256, 256)])
    assert count_multiply_adds(single) == by_hand + 256 * 10


def test_the_deepest_network_has_the_layers_of_column_d():
    names = [x.name for x in network_of("depth16").layers if "_conv" in x.name]

    assert len(names) == 13
    assert names[-1] == "block5_conv3"


@pytest.fixture
def cai(monkeypatch, capsys):
    """Function from arguments to exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["cai", *map(str, arguments)])
        try:
            command_line.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


def trained(cai, folder, *more):
    sets = ("--scale", "smoke", "--variant", "depth16", "--output", folder, *more)
    assert cai("train", "cai_vgg", *sets)[0] == 0
    (record,) = folder.glob("cai_vgg/smoke/*/seed0/record.json")
    return record.parent


def test_an_exported_run_is_a_feature_network_and_a_bad_one_is_refused(cai, tmp_path):
    run = trained(cai, tmp_path / "runs", "--data", "embedded:shapes")
    file = tmp_path / "small.npz"

    code, _, errors = cai("cai_vgg", "export", run, "--output", file)
    assert code == 3
    assert "expected at most 15 %" in errors
    assert not file.exists()

    code, out, _ = cai("cai_vgg", "export", run, "--output", file, "--at-most", 100)

    assert code == 0
    assert "small.npz: 0.0" in out
    about = json.loads(file.with_suffix(".json").read_text())
    recorded = json.loads((run / "record.json").read_text())["metrics"]
    # Four steps: any two classes lie close together, and rounding moves a few images.
    assert about["test"]["top1_error_percent"] == pytest.approx(
        recorded["test/top1_error_percent"]["value"], abs=1.0
    )
    assert about["run"]["steps"] == 4
    network = feature_networks.load_feature_network(f"path:{file}")
    picture = np.full((1, 8, 8, 3), 0.5, "float32")
    maps = network.extractor(["conv3_3"])(picture)["conv3_3"]
    assert keras.ops.shape(maps) == (1, 2, 2, 8)


def test_what_cannot_be_exported_is_named(cai, tmp_path):
    grey = trained(cai, tmp_path / "runs")

    code, _, errors = cai("cai_vgg", "export", grey, "--output", tmp_path / "a.npz")
    assert (code, "expected images with 3 channels, found 1" in errors) == (2, True)
    code, _, errors = cai("cai_vgg", "export", grey, "--output", tmp_path / "a.h5")
    assert (code, "expected a name that ends in .npz" in errors) == (2, True)
    code, _, errors = cai("cai_vgg", "export", tmp_path, "--output", "a.npz")
    assert (code, "no run here" in errors or "holds 1 runs" in errors) == (2, True)


def test_the_figure_has_a_point_for_each_seed_and_a_bar_at_the_mean(make_record):
    def run(variant, seed, error, parameters):
        counts = {"classifier": {"trainable": parameters, "total": parameters}}
        metrics = {"test/top1_error_percent": error}
        record = make_record(metrics, variant=variant, seed=seed, parameters=counts)
        return SimpleNamespace(record=record)

    runs = [
        run("depth16", 0, 14.0, 4_000_000),
        run("depth16", 1, 18.0, 4_000_000),
        run("depth11", 0, 20.0, 2_000_000),
    ]

    (axis,) = figures.draw_depth(runs).axes

    drawn = [(list(x.get_xdata()), list(x.get_ydata())) for x in axis.lines]
    assert drawn == [
        ([2.0], [20.0]), ([2.0], [20.0]), ([4.0, 4.0], [14.0, 18.0]), ([4.0], [16.0])
    ]  # fmt: skip
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["11 layers", "16 layers"]


def test_other_networks_are_not_drawn(make_record):
    other = SimpleNamespace(record=make_record({}, variant="other"))

    with pytest.raises(NothingToDraw, match="none of depth11"):
        figures.draw_depth([other])
