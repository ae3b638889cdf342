"""Files of PyTorch are read without PyTorch, and run nothing."""

import contextlib
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch_files
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.errors import DataError
from cai_keras.networks.torch_file import read_torch_file

TENSORS = {
    "first.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "first.steps": np.array(5),
    "second.weight": np.array([0.1, -2.0]),
    "second.bias": np.array([[1.5, 2.5]], np.float16),
}
WRITERS = [torch_files.write_zip, torch_files.write_old]


@pytest.mark.parametrize("write", WRITERS)
def test_tensors_of_both_kinds_of_files_come_back_by_name(tmp_path, write):
    found = read_torch_file(write(tmp_path / "net.pth", TENSORS))

    assert list(found) == list(TENSORS)
    for name, expected in TENSORS.items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == expected.dtype


def test_a_tensor_can_be_a_part_of_a_block_with_strides(tmp_path):
    # Columns 1 and 2 of a 3 x 4 table, transposed: offset 1, strides 1 and 4.
    table = np.arange(12, dtype=np.float32)
    pickled = torch_files.tensor_pickle({"t": table}).replace(
        torch_files.plain(0) + torch_files.plain((12,)) + torch_files.plain((1,)),
        torch_files.plain(1) + torch_files.plain((2, 3)) + torch_files.plain((1, 4)),
    )

    found = read_torch_file(
        torch_files.write_zip(tmp_path / "a.pth", {"t": table}, pickled)
    )

    np.testing.assert_array_equal(found["t"], [[1, 5, 9], [2, 6, 10]])


@pytest.mark.parametrize(
    "part",
    [
        (11, (2,), (1,)),  # one number too far
        (0, (13,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 3), (1, -1)),
        (0, (100, 100), (0, 0)),  # small in the file, large in memory
    ],
)
def test_a_tensor_outside_its_block_is_refused(tmp_path, part):
    table = np.arange(12, dtype=np.float32)
    old = (0, (12,), (1,))
    pickled = torch_files.tensor_pickle({"t": table}).replace(
        b"".join(map(torch_files.plain, old)), b"".join(map(torch_files.plain, part))
    )
    path = torch_files.write_zip(tmp_path / "a.pth", {"t": table}, pickled)

    with pytest.raises(DataError, match=r"a\.pth: a tensor of .* lies outside"):
        read_torch_file(path)


class Calls:
    """Unpickled, it calls a function."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize(
    "content", [Calls(open, "made", "w"), {"a": Calls(eval, "1")}, {"a": np.ones(2)}]
)
def test_a_pickle_that_asks_for_anything_else_is_refused(
    tmp_path, monkeypatch, content
):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(content, protocol=2)
    in_zip = torch_files.write_zip(tmp_path / "a.pth", {}, pickled)
    bare = tmp_path / "b.pth"
    bare.write_bytes(pickled)
    behind_head = tmp_path / "c.pth"
    head = b"".join(pickle.dumps(part, protocol=2) for part in torch_files.OLD_HEAD)
    behind_head.write_bytes(head + pickled)

    for path in (in_zip, bare, behind_head):
        with pytest.raises(
            DataError, match=r"the pickle asks for .*; only dictionaries"
        ):
            read_torch_file(path)

    assert not (tmp_path / "made").exists()


def test_attributes_that_a_file_gives_to_a_dictionary_are_left_out(tmp_path):
    # As `_metadata` of a state_dict; a file could set any other name.
    state = torch_files.plain({"items": 1}) + pickle.BUILD
    pickled = torch_files.tensor_pickle(TENSORS)[:-1] + state + pickle.STOP

    found = read_torch_file(torch_files.write_zip(tmp_path / "a.pth", TENSORS, pickled))

    assert list(found) == list(TENSORS)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, write):
    whole = write(tmp_path / "net.pth", TENSORS).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])

        with pytest.raises(DataError, match=r"cut\.pth: "):
            read_torch_file(path)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), kind=st.booleans())
def test_a_changed_byte_gives_tensors_or_a_data_error(
    tmp_path_factory, place, byte, kind
):
    folder = tmp_path_factory.mktemp("changed")
    path = WRITERS[kind](folder / "net.pth", TENSORS)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)

    found = {}
    with contextlib.suppress(DataError):  # any other error fails the test
        found = read_torch_file(path)

    assert all(isinstance(array, np.ndarray) for array in found.values())


def test_a_missing_file_and_other_files_are_named(tmp_path):
    text = tmp_path / "text.pth"
    text.write_text("no weights", encoding="utf-8")
    other_zip = tmp_path / "other.pth"
    with zipfile.ZipFile(other_zip, "w") as archive:
        archive.writestr("a.txt", "a")
    packed = torch_files.write_zip(
        tmp_path / "packed.pth", {"t": np.zeros(9999)}, compression=zipfile.ZIP_DEFLATED
    )
    big = torch_files.write_old(
        tmp_path / "big.pth", TENSORS, (*torch_files.OLD_HEAD[:2], {"little_endian": 0})
    )

    with pytest.raises(DataError, match=r"none\.pth: no such file"):
        read_torch_file(tmp_path / "none.pth")
    with pytest.raises(DataError, match=r"text\.pth: not a file of PyTorch"):
        read_torch_file(text)
    with pytest.raises(DataError, match=r"other\.pth: a ZIP archive, but not of Py"):
        read_torch_file(other_zip)
    with pytest.raises(DataError, match=r"packed\.pth: a member .* is compressed"):
        read_torch_file(packed)
    with pytest.raises(DataError, match=r"big\.pth: written on a big-endian machine"):
        read_torch_file(big)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "expected a dictionary of tensors, found a list"),
        ({"a": 1.0}, "expected tensors by name, found a float for 'a'"),
        ({"state": {"a": 1}}, "expected tensors by name, found a dict for 'state'"),
        (OrderedDict(a="x"), "expected tensors by name, found a str for 'a'"),
    ],
)
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path, content, message):
    pickled = pickle.dumps(content, protocol=2)
    path = torch_files.write_zip(tmp_path / "a.pth", {}, pickled)

    with pytest.raises(DataError, match=message):
        read_torch_file(path)


@pytest.mark.parametrize("is_zip", [True, False])
def test_files_of_pytorch_itself_are_read(tmp_path, is_zip):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last),
        torch.nn.BatchNorm2d(4),
    ).half()
    path = tmp_path / "a.pth"
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=is_zip)

    found = read_torch_file(path)

    assert list(found) == list(module.state_dict())
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
