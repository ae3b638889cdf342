"""Files of transfers: JSON in both forms, pickles that run nothing, damaged targets."""

import io
import json
import pickle
import pickletools

import numpy as np
import pytest

from cai_keras.data.task_transfers import (
    Transfer,
    damaged_targets,
    read_transfers,
    sums_of_targets,
)
from cai_keras.errors import DataError

FLAT = {"a__t": 0.25, "self__t": 0.5, "a__b__t": 0.25}
TRANSFERS = [
    Transfer(("a",), "t", 0.25),
    Transfer(("self",), "t", 0.5),
    Transfer(("a", "b"), "t", 0.25),
]


def write(folder, content, name="affinities.json"):
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# JSON


def test_a_dictionary_of_keys_is_read(tmp_path):
    assert read_transfers(write(tmp_path, FLAT)) == TRANSFERS


def test_a_list_of_entries_is_read(tmp_path):
    entries = [
        {"sources": list(t.sources), "target": t.target, "value": t.value}
        for t in TRANSFERS
    ]

    assert read_transfers(write(tmp_path, entries)) == TRANSFERS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON"),
        ([], "no transfers"),
        (3, "expected a list or a dictionary, found a int"),
        ({"t": 1.0}, "expected names of sources"),
        ({"a__a__t": 1.0}, "a source occurs twice"),
        ({"a__self__t": 1.0}, "'self' cannot have other sources"),
        ({"a__t": "x"}, "expected a number of 0 or more: 'x'"),
        ({"a__t": True}, "expected a number of 0 or more: True"),
        ('{"a__t": NaN}', "expected a number of 0 or more: nan"),
        ({"a__t": -1}, "expected a number of 0 or more: -1"),
        ({"a__b__t": 1, "b__a__t": 2}, r"\['a', 'b'\] to 't' occurs twice"),
        ([{"sources": ["a"], "target": "t"}], "entry 0: expected sources, target"),
        ([{"sources": "a", "target": "t", "value": 1}], "entry 0: expected names"),
        ([{"sources": ["a"], "target": "", "value": 1}], "entry 0: expected names"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, content, message):
    path = write(tmp_path, content)

    with pytest.raises(DataError, match=message) as caught:
        read_transfers(path)

    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_transfers(tmp_path / "none.json")


# Pickles


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickled_numpy_numbers_are_read(tmp_path, kind, protocol):
    content = pickle.dumps({k: kind(v) for k, v in FLAT.items()}, protocol=protocol)

    assert read_transfers(write(tmp_path, content, "a.pkl")) == TRANSFERS


def test_names_of_older_numpy_are_known(tmp_path):
    content = pickle.dumps({k: np.float64(v) for k, v in FLAT.items()}, protocol=3)
    older = content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"numpy.core" in older

    assert read_transfers(write(tmp_path, older, "a.pkl")) == TRANSFERS


class Calls:
    """Unpickled, it calls a function."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize(
    "content",
    [
        {"a__t": Calls(open, "made", "w")},
        {"a__t": Calls(eval, "1")},
        {"a__t": np.ones(3)},
        Calls(dict, [("a__t", 1.0)]),
    ],
)
def test_a_pickle_that_asks_for_anything_else_is_refused(
    tmp_path, monkeypatch, content
):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, pickle.dumps(content), "a.pkl")

    with pytest.raises(DataError, match="only dictionaries of strings"):
        read_transfers(path)

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a__t": np.int64(1)}, "expected floating point numbers, found type 'i8'"),
        ({"a__t": "x"}, "expected a number for 'a__t', found a str"),
        ({"a__t": {"b": 1.0}}, "expected a number for 'a__t', found a dict"),
        ({1: 1.0}, "expected names as keys"),
        ([1.0], "expected a dictionary of numbers, found a list"),
    ],
)
def test_a_pickle_of_other_things_is_an_error(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_transfers(write(tmp_path, pickle.dumps(content), "a.pkl"))


def test_a_pickle_cut_anywhere_is_an_error(tmp_path):
    content = pickle.dumps({k: np.float64(v) for k, v in FLAT.items()}, protocol=3)
    ends = [position for _, _, position in pickletools.genops(io.BytesIO(content))]

    for end in [0, *ends[1:]]:
        with pytest.raises(DataError, match=r"a\.pkl: not a whole pickle"):
            read_transfers(write(tmp_path, content[:end], "a.pkl"))


def test_a_pickle_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("cai_keras.data.restricted_pickle.LARGEST_FILE", 10)
    content = pickle.dumps(FLAT)

    with pytest.raises(DataError, match="at most 10 are read"):
        read_transfers(write(tmp_path, content, "a.pkl"))


# What values say


def test_values_are_summed_by_target():
    assert sums_of_targets([*TRANSFERS, Transfer(("a",), "u", 0.5)]) == {
        "t": 1.0,
        "u": 0.5,
    }


def test_a_transfer_of_several_sources_far_above_all_others_is_damage():
    single = [Transfer((s,), "t", 0.01) for s in "abcd"]
    pair = Transfer(("a", "b"), "t", 0.96)

    found = damaged_targets([*single, pair, TRANSFERS[1]])

    assert list(found) == ["t"]
    # 0.96 of 0.04 + 0.96 + 0.5.
    assert found["t"].startswith("1 transfers of several sources hold 64.0 %")


def test_a_target_of_first_order_alone_cannot_be_judged():
    assert damaged_targets(TRANSFERS[:2]) == {}
    assert damaged_targets(TRANSFERS) == {}
