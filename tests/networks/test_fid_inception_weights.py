"""Weights of the published file land in the right layers, or nowhere."""

import hashlib
import pickle

import numpy as np
import pytest
import torch_files

from cai_keras.errors import DataError
from cai_keras.networks.fid_inception import build_fid_inception
from cai_keras.networks.fid_inception_weights import (
    assign_tensors,
    is_published,
    load_fid_inception,
    module_name,
)


@pytest.fixture(scope="module")
def tensors():
    return torch_files.random_inception(build_fid_inception())


@pytest.fixture(scope="module")
def network():
    return build_fid_inception()


def check_some_layers(network, tensors):
    """A square kernel, a 1 x 7 kernel, a normalisation, the classes."""
    for name, module in (
        ("conv2d_1a_3x3", "Conv2d_1a_3x3"),
        ("mixed_6c_branch7x7dbl_3", "Mixed_6c.branch7x7dbl_3"),
    ):
        (kernel,) = network.get_layer(f"{name}_conv").get_weights()
        theirs = tensors[f"{module}.conv.weight"]
        # Output 5, input 2, all of the window.
        np.testing.assert_array_equal(kernel[:, :, 2, 5], theirs[5, 2])
    norm = network.get_layer("mixed_7b_branch3x3_2a_norm")
    for values, parameter in zip(
        (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance),
        ("weight", "bias", "running_mean", "running_var"),
        strict=True,
    ):
        expected = tensors[f"Mixed_7b.branch3x3_2a.bn.{parameter}"]
        np.testing.assert_array_equal(np.asarray(values), expected)
    kernel, bias = network.get_layer("logits").get_weights()
    np.testing.assert_array_equal(kernel[:, 17], tensors["fc.weight"][17])
    np.testing.assert_array_equal(bias, tensors["fc.bias"])


@pytest.mark.parametrize("write", [torch_files.write_zip, torch_files.write_old])
def test_a_whole_file_fills_all_layers(tmp_path, tensors, write):
    path = write(tmp_path / "weights.pth", tensors)

    network, digest = load_fid_inception(path)

    check_some_layers(network, tensors)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    # Every number of the file is somewhere: sums over all weights and all tensors.
    ours = sum(np.sum(weight, dtype="float64") for weight in network.get_weights())
    theirs = sum(
        np.sum(tensor, dtype="float64")
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_same_tensors_are_read_from_an_npz_file(tmp_path, tensors):
    np.savez(tmp_path / "weights.npz", **tensors)

    network, _ = load_fid_inception(tmp_path / "weights.npz")

    check_some_layers(network, tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Mixed_5b.branch1x1.conv.weight": None}, "no tensor Mixed_5b.branch1x1.conv"),
        ({"fc.bias": np.zeros(1000, "f4")}, r"fc\.bias: expected shape \(1008,\), fou"),
        # Keras's order of axes.
        (
            {"Conv2d_1a_3x3.conv.weight": np.zeros((3, 3, 3, 32), "f4")},
            r"Conv2d_1a_3x3\.conv\.weight: expected shape \(32, 3, 3, 3\), found",
        ),
        ({"AuxLogits.fc.bias": np.zeros(1000)}, "1 unknown tensors, such as AuxLogits"),
        (
            {"Mixed_7c.branch1x1.bn.bias": np.full(320, np.nan, "f4")},
            r"Mixed_7c\.branch1x1\.bn\.bias: not all numbers are finite",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_changes(
    network, tensors, change, message
):
    before = network.get_layer("mixed_6b_branch1x1_conv").get_weights()[0]
    changed = {k: v for k, v in {**tensors, **change}.items() if v is not None}

    with pytest.raises(ValueError, match=message):
        assign_tensors(network, changed)

    (after,) = network.get_layer("mixed_6b_branch1x1_conv").get_weights()
    np.testing.assert_array_equal(before, after)


def test_files_of_other_networks_and_damaged_ones_are_named(tmp_path):
    other = torch_files.write_zip(
        tmp_path / "other.pth", {"fc.weight": np.zeros((1008, 2048), "f4")}
    )
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"PK\x03\x04")
    pickled = tmp_path / "evil.pth"
    pickled.write_bytes(pickle.dumps({"a": print}, protocol=2))

    with pytest.raises(DataError, match=r"other\.pth: not this network's weights: no "):
        load_fid_inception(other)
    with pytest.raises(DataError, match=r"damaged\.npz: not a whole \.npz file"):
        load_fid_inception(damaged)
    with pytest.raises(DataError, match=r"evil\.pth: the pickle asks for .*print"):
        load_fid_inception(pickled)


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(
        DataError,
        match=r"no such file; get pt_inception-2015-12-05-6726825d\.pth from the "
        r"releases of mseitzer/pytorch-fid, or weights-inception-2015-12-05-6726825d",
    ):
        load_fid_inception(tmp_path / "none.pth")


def test_the_published_weights_are_known_by_their_hash():
    # PyTorch's convention: a name ends with the first 8 digits of the SHA-256.
    assert is_published("6726825d" + 56 * "0")
    assert not is_published(56 * "0" + "6726825d")


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        ("conv2d_2b_3x3_norm", "Conv2d_2b_3x3.bn"),
        ("mixed_5b_branch_pool_conv", "Mixed_5b.branch_pool.conv"),
        ("mixed_7c_branch3x3dbl_3b_norm", "Mixed_7c.branch3x3dbl_3b.bn"),
        ("logits", "fc"),
    ],
)
def test_layers_have_names_of_pytorch_s_modules(layer, module):
    assert module_name(layer) == module
