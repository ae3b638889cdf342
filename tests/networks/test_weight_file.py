"""Half-precision weights in a file, with what they are beside it."""

import json

import numpy as np
import pytest

from cai_keras.errors import DataError
from cai_keras.networks.weight_file import digest, read_weight_file, weight_bytes

WEIGHTS = {"conv": [np.array([[0.1, 2.0]]), np.array([3.0, -4.0])]}


def written(folder, content=None, **about):
    content = weight_bytes(WEIGHTS) if content is None else content
    path = folder / "net.npz"
    path.write_bytes(content)
    beside = {"sha256": digest(content), **about}
    path.with_suffix(".json").write_text(json.dumps(beside), encoding="utf-8")
    return path


def test_weights_come_back_rounded_to_half_precision(tmp_path):
    weights, about = read_weight_file(written(tmp_path, colour="blue"))

    kernel, bias = weights["conv"]
    # The nearest half to 0.1 is 1638 / 16384.
    np.testing.assert_array_equal(kernel, np.float32([[1638 / 16384, 2.0]]))
    np.testing.assert_array_equal(bias, np.float32([3.0, -4.0]))
    assert kernel.dtype == np.float32
    assert about["colour"] == "blue"


def test_single_precision_is_kept_where_it_is_asked_for(tmp_path):
    kernel = np.float32([[0.1, 70000.0]])
    content = weight_bytes({"conv": [kernel, np.zeros(2)]}, "single")

    weights, _ = read_weight_file(written(tmp_path, content))

    np.testing.assert_array_equal(weights["conv"][0], kernel)


def test_the_same_weights_are_the_same_bytes():
    assert weight_bytes(WEIGHTS) == weight_bytes(WEIGHTS)


def test_a_weight_beyond_65504_is_refused():
    with pytest.raises(ValueError, match=r"conv/kernel: beyond the range"):
        weight_bytes({"conv": [np.array([70000.0]), np.array([0.0])]})


def test_a_changed_file_is_named_with_both_digests(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(DataError, match=r"net\.npz: its SHA-256 begins .* damaged"):
        read_weight_file(path)


def test_a_missing_json_is_named(tmp_path):
    path = written(tmp_path)
    path.with_suffix(".json").unlink()

    with pytest.raises(DataError, match=r"net\.json: no such file"):
        read_weight_file(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_json_of_another_kind_is_named(tmp_path, text):
    path = written(tmp_path)
    path.with_suffix(".json").write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=r"net\.json: expected JSON with the key"):
        read_weight_file(path)
