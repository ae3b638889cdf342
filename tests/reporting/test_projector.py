"""The projector's files, read back as TensorBoard's plugin and its page read them."""

import csv

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import _read_tensor_tsv_file

from cai_keras.reporting.projector import Embeddings, write_projector

VECTORS = np.array([[0.5, -1.0], [2.0, 1e-9], [1234.5, 0.0]], np.float32)


def _config(folder) -> ProjectorConfig:
    text = (folder / "projector_config.pbtxt").read_text()
    return text_format.Parse(text, ProjectorConfig())


def _rows(path) -> list[list[str]]:
    """As the page parses it: lines, blank ones skipped, cut at tabs."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    return [line.split("\t") for line in lines if line.strip()]


def test_vectors_are_read_back(tmp_path):
    write_projector(tmp_path, {"points": Embeddings(VECTORS)})

    (entry,) = _config(tmp_path).embeddings
    assert entry.tensor_name == "points"
    assert list(entry.tensor_shape) == [3, 2]
    found = _read_tensor_tsv_file(str(tmp_path / entry.tensor_path))
    np.testing.assert_allclose(found, VECTORS, rtol=1e-5)


def test_without_metadata_and_thumbnails_there_are_no_such_files(tmp_path):
    write_projector(tmp_path, {"points": Embeddings(VECTORS)})

    (entry,) = _config(tmp_path).embeddings
    assert not entry.metadata_path
    assert not entry.sprite.image_path
    assert {path.suffix for path in tmp_path.iterdir()} >= {".tsv", ".pbtxt"}
    assert len(list(tmp_path.iterdir())) == 3  # vectors, config, an event file


def test_tensorboard_lists_the_folder_as_a_run(tmp_path):
    write_projector(tmp_path, {"points": Embeddings(VECTORS)})

    assert len(list(tmp_path.glob("*tfevents*"))) == 1


def test_several_columns_have_a_header(tmp_path):
    columns = {"label": ["a", "b", "c"], "group": ["x", "x", "y"]}

    write_projector(tmp_path, {"points": Embeddings(VECTORS, columns)})

    rows = _rows(tmp_path / "points.metadata.tsv")
    assert rows == [["label", "group"], ["a", "x"], ["b", "x"], ["c", "y"]]


def test_one_column_has_none(tmp_path):
    points = Embeddings(VECTORS, {"label": ["a", "b", "c"]})

    write_projector(tmp_path, {"points": points})

    assert _rows(tmp_path / "points.metadata.tsv") == [["a"], ["b"], ["c"]]


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5), st.booleans())
def test_every_label_stays_with_its_point(tmp_path_factory, labels, is_pair):
    folder = tmp_path_factory.mktemp("projector")
    columns = dict(zip(("a", "b"), zip(*labels, strict=True), strict=True))
    columns = columns if is_pair else {"a": columns["a"]}
    vectors = np.zeros((len(labels), 1), np.float32)

    write_projector(folder, {"points": Embeddings(vectors, columns)})

    rows = _rows(folder / "points.metadata.tsv")
    assert len(rows) == len(labels) + is_pair
    assert {len(row) for row in rows} == {len(columns)}


def test_a_label_that_would_break_the_table_is_still_recognised(tmp_path):
    points = Embeddings(VECTORS, {"label": ["a\tb", "c\r\nd", ""]})

    write_projector(tmp_path, {"points": points})

    with open(tmp_path / "points.metadata.tsv", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows == [["a b"], ["c d"], ["(empty)"]]


def test_thumbnails_lie_row_by_row_in_a_square(tmp_path):
    # Three of 2 x 3 pixels: two columns, and the fourth place is black.
    thumbnails = np.stack([np.full((2, 3), grey, np.uint8) for grey in (50, 100, 150)])

    write_projector(tmp_path, {"points": Embeddings(VECTORS, {}, thumbnails)})

    (entry,) = _config(tmp_path).embeddings
    assert list(entry.sprite.single_image_dim) == [3, 2]  # width, height
    with Image.open(tmp_path / entry.sprite.image_path) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (4, 6)
    assert pixels[::2, ::3].tolist() == [[50, 100], [150, 0]]
    assert np.ptp(pixels[:2, :3]) == 0


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_thumbnails_may_have_channels(tmp_path, channels, mode):
    thumbnails = np.full((3, 2, 2, channels), 7, np.uint8)

    write_projector(tmp_path, {"points": Embeddings(VECTORS, {}, thumbnails)})

    with Image.open(tmp_path / "points.png") as image:
        assert image.mode == mode
        assert image.size == (4, 4)


def test_thumbnails_that_the_page_would_refuse_are_made_smaller(tmp_path):
    # Three of 4096 x 8192: two columns of 4096 pixels at most, so halved.
    thumbnails = np.full((3, 4096, 8192), 9, np.uint8)

    write_projector(tmp_path, {"points": Embeddings(VECTORS, {}, thumbnails)})

    (entry,) = _config(tmp_path).embeddings
    assert list(entry.sprite.single_image_dim) == [4096, 2048]
    with Image.open(tmp_path / "points.png") as image:
        assert image.size == (8192, 4096)


def test_several_embeddings_share_a_folder(tmp_path):
    write_projector(tmp_path, {"a": Embeddings(VECTORS), "b": Embeddings(VECTORS[:1])})

    first, second = _config(tmp_path).embeddings
    assert (first.tensor_name, second.tensor_name) == ("a", "b")
    assert list(second.tensor_shape) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3),), r"vectors: expected \(n, d\).*\(3,\)"),
        ((np.zeros((0, 2)),), r"vectors: expected .*\(0, 2\)"),
        ((np.zeros((2, 0)),), r"vectors: expected .*\(2, 0\)"),
        ((VECTORS, {"label": ["a"]}), "metadata 'label': 1 values for 3 vectors"),
        ((VECTORS, {}, np.zeros((2, 4, 4), np.uint8)), "thumbnails: 2 for 3 vectors"),
        ((VECTORS, {}, np.zeros((3, 4, 4))), "thumbnails: expected uint8.*float64"),
        ((VECTORS, {}, np.zeros((3, 4), np.uint8)), r"thumbnails: .*\(3, 4\)"),
        ((VECTORS, {}, np.zeros((3, 4, 4, 2), np.uint8)), r"not uint8 \(3, 4, 4, 2\)"),
    ],
)
def test_other_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Embeddings(*arguments)
