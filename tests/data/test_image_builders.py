"""Builders of labelled images: CIFAR-10 as JPEG, IDX files, procedural shapes."""

import gzip
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from image_files import idx, jpeg

from cai_keras.data.builders import idx_images, shapes
from cai_keras.data.builders.cifar10_jpeg import Cifar10Jpeg
from cai_keras.data.builders.idx_images import IdxImages, digest_of, name_of, read_idx
from cai_keras.data.source import open_embedded, open_folder, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError


def _rows(builder, split):
    return list(tfds.as_numpy(read_split(builder, split)))


# CIFAR-10 as JPEG


def _replace_member(folder, name, content):
    with zipfile.ZipFile(folder / "train.zip") as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    members.pop("train/cat/0001.jpg")
    members[name] = content
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def test_classes_take_turns_in_the_order_of_cifar(cifar_folder):
    rows = _rows(open_folder(Cifar10Jpeg, cifar_folder), "train")

    assert [row["label"] for row in rows] == [*range(10), *range(10)]
    assert {row["image"].shape for row in rows} == {(32, 32, 3)}


def test_a_class_that_cifar_has_not_is_refused(cifar_folder):
    _replace_member(cifar_folder, "train/lorry/0000.jpg", jpeg(1))

    with pytest.raises(DataError, match=r"train/lorry/0000\.jpg: no class 'lorry'"):
        open_folder(Cifar10Jpeg, cifar_folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (jpeg(1, size=(31, 32)), r"cat/0001\.jpg is RGB of \(31, 32\), expected"),
        (jpeg(1, mode="L"), r"cat/0001\.jpg is L of \(32, 32\), expected RGB"),
        (b"no picture", r"cat/0001\.jpg is not a readable JPEG"),
    ],
)
def test_a_member_that_is_no_picture_of_cifar_is_named(cifar_folder, content, message):
    _replace_member(cifar_folder, "train/cat/0001.jpg", content)

    with pytest.raises(DataError, match=message):
        open_folder(Cifar10Jpeg, cifar_folder)


def test_a_missing_test_archive_is_named(cifar_folder):
    (cifar_folder / "test.zip").unlink()

    with pytest.raises(DataError, match=r"test\.zip: no such file"):
        open_folder(Cifar10Jpeg, cifar_folder)


# IDX files


def test_idx_files_are_read_plain_and_compressed(idx_folder):
    rows = _rows(open_folder(IdxImages, idx_folder), "test")

    assert [row["label"] for row in rows] == [0, 1, 2, 3]
    for number, row in enumerate(rows):
        assert row["image"].shape == (28, 28, 1)
        assert (row["image"] == number).all()


def test_sets_are_told_apart_by_their_pixels(idx_folder, monkeypatch):
    parts = [
        part
        for split in ("train", "test")
        for part in idx_images.read_split_files(idx_folder, split)
    ]
    assert name_of(parts) == "idx_images"
    monkeypatch.setitem(idx_images.KNOWN, digest_of(parts), "twelve_levels")
    assert name_of(parts) == "twelve_levels"
    parts[0] = parts[0].copy()
    parts[0][3, 5, 5] += 1
    assert name_of(parts) == "idx_images"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(np.zeros((2, 3)))[:-1], "cut off"),
        (idx(np.zeros((2, 3))) + b"x", "cut off"),
        (idx(np.zeros((2, 3)), type_code=13), "no IDX file of bytes"),
        (b"", "no IDX file of bytes"),
        (bytes([0, 0, 8, 200]), "cut off"),
    ],
)
def test_a_file_that_is_no_idx_file_is_named(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)

    with pytest.raises(DataError, match=f"{path}: {message}"):
        read_idx(path)


def test_a_damaged_compressed_file_is_named(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros((2, 3))))[:-4])

    with pytest.raises(DataError, match="damaged"):
        read_idx(path)


def test_a_missing_file_is_named(idx_folder):
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()

    with pytest.raises(DataError, match=r"no t10k-labels-idx1-ubyte or .*\.gz"):
        open_folder(IdxImages, idx_folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(11), r"labels \(11,\), expected"),
        ("train-labels-idx1-ubyte", np.full(12, 10), "has the label 10, expected 0-9"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((4, 27, 28)), r"images \(4, 27, 28\)"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(idx_folder, name, array, message):
    content = idx(array)
    compressed = gzip.compress(content) if name.endswith(".gz") else content
    (idx_folder / name).write_bytes(compressed)

    with pytest.raises(DataError, match=message):
        open_folder(IdxImages, idx_folder)


# Shapes


def test_shapes_are_a_function_of_split_and_number():
    rng = [np.random.default_rng(5) for _ in range(3)]

    first, again = shapes.draw("star", rng[0]), shapes.draw("star", rng[1])

    np.testing.assert_array_equal(first, again)
    assert (shapes.draw("ring", rng[2]) != first).any()
    assert (first.shape, first.dtype) == ((32, 32, 3), np.uint8)


def test_every_class_of_shapes_has_its_share():
    builder = open_embedded(DataSpec("embedded", "shapes"))
    labels = [row["label"] for row in _rows(builder, "test")]

    assert builder.info.splits["train"].num_examples == 5_000
    np.testing.assert_array_equal(np.bincount(labels), [100] * 10)


def _area(name):
    """Of the outline, by the shoelace formula, holes subtracted."""
    total = 0.0
    for points, fill in shapes.OUTLINES[name]:
        x, y = points.T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        total += area if fill else -area
    return total


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("circle", np.pi),
        ("ring", np.pi * (1 - 0.55**2)),
        ("square", 2 * 1.1**2),
        ("triangle", 3 * np.sqrt(3) / 4),
        ("hexagon", 3 * np.sqrt(3) / 2),
        ("diamond", 2 * 0.7 * 1.1),
        ("plus", 4 * 0.64 * (1 - 0.32) + 0.64**2),
        ("bars", 3 * 0.4 * 1.8),
    ],
)
def test_outlines_have_the_areas_of_their_names(name, expected):
    assert _area(name) == pytest.approx(expected, rel=0.01)
