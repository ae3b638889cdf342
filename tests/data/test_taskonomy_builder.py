"""Taskonomy's images, as far as their files are described; on dummy data."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.data.builders import taskonomy
from cai_keras.data.builders.taskonomy import CLASSES, MAPS, TINY, read_view
from cai_keras.errors import DataError

pytest.importorskip("dill", reason="tfds.testing's test case imports dill")
SPHERE = {"x": [1.0, 0.0, 0.0], "y": [0.0, 0.6, 0.8], "z": [0.0, -0.8, 0.6]}


def write_view(root, building, point=0, view=0, layout="{domain}/{building}", seed=0):
    """All files of one view, 4 x 6 pixels."""
    rng = np.random.default_rng(seed)

    def path(domain, name, ending):
        folder = root / layout.format(domain=domain, building=building)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"point_{point}_view_{view}_domain_{name}.{ending}"

    for name, (channels, dtype) in MAPS.items():
        shape = (4, 6, channels) if channels > 1 else (4, 6)
        pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
        Image.fromarray(pixels).save(path(name, name, "png"))
    for name, count in CLASSES.items():
        np.save(path(name, name, "npy"), rng.random(count))
    sphere = {"vanishing_points_gaussian_sphere": SPHERE}
    path("points", "fixatedpose", "json").write_text(json.dumps(sphere))


def write_all(root):
    """A building of every split; two views in the training split."""
    write_view(root, "hanson")
    write_view(root, "hanson", 3, 1, seed=1)
    write_view(root, "darden", seed=2)
    write_view(root, "ihlen", seed=3)


@pytest.fixture(scope="module", autouse=True)
def _dummy_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dummy_data")
    write_all(folder)
    TaskonomyCase.EXAMPLE_DIR = str(folder)


class TaskonomyCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = taskonomy.Taskonomy
    SPLITS = {"train": 2, "validation": 1, "test": 1}  # noqa: RUF012

    def _make_builder(self, config=None):
        # The test case reads what it writes as tf.data, which random access has not.
        return taskonomy.Taskonomy(data_dir=self.tmp_dir, file_format="tfrecord")


def test_the_tiny_partition_has_the_published_numbers_of_buildings():
    assert {split: len(names) for split, names in TINY.items()} == {
        "train": 25, "validation": 5, "test": 5,
    }  # fmt: skip
    assert len({name for names in TINY.values() for name in names}) == 35


@pytest.mark.parametrize(
    "layout",
    ["{domain}/{building}", "{domain}/taskonomy/{building}", "{building}/{domain}"],
)
def test_a_view_is_read_from_every_layout(tmp_path, layout):
    write_view(tmp_path, "merom", 12, 7, layout)

    example = read_view(tmp_path, "merom", 12, 7)

    assert (example["point"], example["view"]) == (12, 7)
    for name, (channels, dtype) in MAPS.items():
        assert example[name].shape == (4, 6, channels), name
        assert example[name].dtype == dtype, name
    assert example["depth_zbuffer"].max() > 255
    # x of all three points, then y, then z.
    assert example["vanishing_points"].tolist() == pytest.approx(
        [1, 0, 0, 0, 0.6, 0.8, 0, -0.8, 0.6]
    )


def test_grey_maps_of_8_bits_keep_their_levels(tmp_path):
    write_view(tmp_path, "merom")
    path = tmp_path / "edge_texture/merom/point_0_view_0_domain_edge_texture.png"
    Image.fromarray(np.full((4, 6), 200, np.uint8)).save(path)

    found = read_view(tmp_path, "merom", 0, 0)["edge_texture"]

    assert found.dtype == np.uint16
    assert set(found.ravel()) == {200}


def test_a_view_without_all_annotations_is_left_out(tmp_path):
    write_view(tmp_path, "merom")
    (tmp_path / "normal/merom/point_0_view_0_domain_normal.png").unlink()

    assert read_view(tmp_path, "merom", 0, 0) is None


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("rgb/merom/point_0_view_0_domain_rgb.png", b"no", "not a whole picture"),
        ("class_scene/merom/point_0_view_0_domain_class_scene.npy", b"", "whole array"),
        ("points/merom/point_0_view_0_domain_fixatedpose.json", b"{}", "expected vani"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, file, content, message):
    write_view(tmp_path, "merom")
    (tmp_path / file).write_bytes(content)

    with pytest.raises(DataError, match=message) as caught:
        read_view(tmp_path, "merom", 0, 0)

    assert str(tmp_path / file) in str(caught.value)


def test_an_array_of_another_length_is_an_error(tmp_path):
    write_view(tmp_path, "merom")
    np.save(tmp_path / "class_scene/merom/point_0_view_0_domain_class_scene", [1.0])

    with pytest.raises(DataError, match="1 numbers, expected 365"):
        read_view(tmp_path, "merom", 0, 0)


def test_a_split_without_a_building_names_the_fix(tmp_path):
    write_view(tmp_path, "hanson")

    with pytest.raises(DataError, match=r"no building of validation \(wiconisco"):
        taskonomy.check_buildings(tmp_path)
