"""Builders of labelled images: scenes that need context, VOC 2012 with SBD."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from facade_files import pair, write_facades
from voc_files import SIZE, write_voc

from cai_keras.data.builders import context_scenes, facade_labels
from cai_keras.data.builders.context_scenes import KINDS, SIDE, draw
from cai_keras.data.builders.facade_labels import COLOURS, FacadeLabels
from cai_keras.data.builders.voc_segmentation import VocSegmentation
from cai_keras.data.source import download, open_catalogue, open_folder, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError


@pytest.fixture(scope="module")
def scenes():
    """200 scenes as arrays by feature; kinds take turns."""
    drawn = [draw(1 + n % KINDS, np.random.default_rng([1, n])) for n in range(200)]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


# Scenes


@pytest.mark.parametrize("seed", range(5))
def test_scenes_that_differ_in_their_kind_differ_in_the_beacon_alone(seed):
    first, second = (draw(kind, np.random.default_rng(seed)) for kind in (1, 4))

    is_beacon = first["distance"] == 0
    assert is_beacon.sum() == 25
    differs = (first["image"] != second["image"]).any(axis=-1, keepdims=True)
    np.testing.assert_array_equal(differs, is_beacon)
    # And so does every label of a thing: what sees no beacon can only guess.
    np.testing.assert_array_equal(first["label"] > 0, second["label"] > 0)
    assert set(np.unique(second["label"])) == {0, 4}


def test_every_thing_and_the_beacon_have_the_label_of_their_scene(scenes):
    kinds = 1 + np.arange(200) % KINDS

    labels = scenes["label"]
    np.testing.assert_array_equal(labels.max(axis=(1, 2, 3)), kinds)
    assert ((labels == 0) | (labels == kinds[:, None, None, None])).all()
    assert (labels[scenes["distance"] == 0] > 0).all()


def test_the_distance_is_the_larger_of_rows_and_columns(scenes):
    distance = scenes["distance"][0, ..., 0].astype(int)
    rows, columns = np.nonzero(distance == 0)

    grid = np.stack(np.mgrid[:SIDE, :SIDE], axis=-1)
    beacon = np.stack([rows, columns], axis=-1)
    steps = np.abs(grid[:, :, None] - beacon).max(axis=-1).min(axis=-1)

    np.testing.assert_array_equal(distance, steps)


def test_two_thirds_of_the_things_are_out_of_sight_without_dilation(scenes):
    is_thing = (scenes["label"] > 0) & (scenes["distance"] > 0)
    distances = scenes["distance"][is_thing]

    # The docstring's 67 %; dilated layers see 36 pixels to each side.
    assert (distances > 10).mean() == pytest.approx(0.67, abs=0.03)
    assert distances.max() <= 36


def test_neither_grey_nor_ground_tells_the_kind(scenes):
    is_thing = (scenes["label"] > 0) & (scenes["distance"] > 0)
    pairs = zip(scenes["image"], is_thing[..., 0], strict=True)
    grey = [image[of].mean() for image, of in pairs]
    kinds = 1 + np.arange(200) % KINDS

    # 200 scenes: a correlation of 0 has a deviation of 0.07.
    assert abs(np.corrcoef(grey, kinds)[0, 1]) < 0.25


def test_things_are_grey_and_brighter_than_the_ground(scenes):
    is_thing = (scenes["label"] > 0) & (scenes["distance"] > 0)
    mean = scenes["image"].mean(axis=-1, keepdims=True)

    assert mean[is_thing].min() > mean[scenes["label"] == 0].max() - 30
    assert np.abs(scenes["image"] - mean)[is_thing[..., 0]].max() < 40


def test_hues_differ_by_more_than_the_noise():
    hues = [context_scenes.hue(kind) for kind in range(1, KINDS + 1)]

    gaps = [np.abs(a - b).max() for n, a in enumerate(hues) for b in hues[:n]]
    assert min(gaps) > 5 * context_scenes._NOISE


# VOC


@pytest.fixture
def voc_folder(tmp_path):
    write_voc(tmp_path)
    return tmp_path


@pytest.fixture
def prepare(voc_folder):
    """Function that prepares what lies in the folder."""

    def make():
        builder = VocSegmentation(data_dir=voc_folder / "tfds")
        config = tfds.download.DownloadConfig(manual_dir=str(voc_folder))
        builder.download_and_prepare(download_config=config)
        return builder

    tfds.disable_progress_bar()
    return make


def test_splits_are_vocs_and_what_only_sbd_has(prepare):
    builder = prepare()

    names = {
        split: sorted(row["name"].decode() for row in builder.as_data_source(split))
        for split in builder.info.splits
    }
    assert names == {
        "train": ["2007_000032", "2007_000039"],
        "train_augmented": ["2007_000032", "2007_000039", "2008_000002"],
        "validation": ["2007_000033"],
    }


def test_labels_are_vocs_where_voc_has_some(prepare):
    rows = {r["name"].decode(): r for r in prepare().as_data_source("train_augmented")}

    for name, inside, corner in (("2007_000032", 1, 255), ("2008_000002", 14, 14)):
        row = rows[name]
        assert row["image"].shape == (*SIZE, 3)
        assert row["label"].shape == (*SIZE, 1)
        assert (row["label"][1:-1, 1:-1] == inside).all()
        assert row["label"][0, 0, 0] == corner
    assert abs(int(rows["2007_000032"]["image"][3, 3, 0]) - 50) < 3


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("benchmark_RELEASE/dataset/train.txt", "benchmark_RELEASE/dataset"),
        ("VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", "VOCtrainval"),
        ("VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg", "2007_000032.jpg: no such"),
        ("VOCdevkit/VOC2012/SegmentationClass/2007_000033.png", "000033.png: no such"),
    ],
)
def test_a_missing_file_is_named_with_its_source(prepare, voc_folder, path, message):
    (voc_folder / path).unlink()

    with pytest.raises(DataError, match=message):
        prepare()


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("benchmark_RELEASE/dataset/cls/2008_000002.mat", b"x", "no label map"),
        ("VOCdevkit/VOC2012/SegmentationClass/2007_000032.png", b"x", "no label map"),
        ("VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg", b"x", "not a readable JPEG"),
    ],
)
def test_a_damaged_file_is_named(prepare, voc_folder, path, content, message):
    (voc_folder / path).write_bytes(content)

    with pytest.raises(DataError, match=f"{path.rpartition('/')[2]}: {message}"):
        prepare()


def test_a_label_of_another_size_or_class_is_refused(prepare, voc_folder):
    from PIL import Image

    path = voc_folder / "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png"
    Image.fromarray(np.full(SIZE, 21, np.uint8)).save(path)
    with pytest.raises(DataError, match="expected classes 0 to 20 and 255"):
        prepare()

    Image.fromarray(np.zeros((3, 3), np.uint8)).save(path)
    with pytest.raises(DataError, match=r"\(3, 3\), but .*2007_000032.jpg is \(6, 9\)"):
        prepare()


def test_voc_is_found_by_its_name_and_prepared_from_the_manual_folder(
    voc_folder, monkeypatch
):
    root = voc_folder / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(root))
    spec = DataSpec.parse("tfds:voc_segmentation")
    with pytest.raises(DataError, match="run: cai data prepare tfds:voc_segmentation"):
        read_split(open_catalogue(spec), "train")
    manual = root / "downloads" / "manual"
    manual.mkdir(parents=True)
    write_voc(manual)

    builder = download(spec)

    assert len(builder.as_data_source("train")) == 2


# Facades


def test_pairs_become_photographs_and_classes_in_the_order_of_their_numbers(tmp_path):
    write_facades(tmp_path)

    rows = list(read_split(open_folder(FacadeLabels, tmp_path), "train"))

    # Member n is as grey as 20 n, its upper half of class n, its lower of class 0.
    assert [int(row["label"][0, 0, 0]) for row in rows] == [1, 2, 10]
    for row, number in zip(rows, (1, 2, 10), strict=True):
        assert row["image"].shape == (64, 64, 3)
        assert abs(int(row["image"][5, 5, 0]) - 20 * number) < 3
        assert (row["label"].numpy()[:32] == number).all()
        assert (row["label"].numpy()[32:] == 0).all()


def test_each_pixel_has_the_class_of_the_nearest_colour():
    noise = np.random.default_rng(0).integers(-15, 16, (12, 50, 3))
    shown = np.clip(COLOURS[:, None] + noise, 0, 255)

    found = facade_labels.classes_of(shown)

    np.testing.assert_array_equal(found, np.repeat(np.arange(12), 50).reshape(12, 50))


def test_four_by_four_pixels_vote():
    classes = np.zeros((4, 8), np.uint8)
    classes[:2] = 3  # eight of sixteen, and the first of two wins
    classes[:3, 4:] = 5

    np.testing.assert_array_equal(facade_labels.most_frequent(classes), [[0, 5]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", r"train/1\.jpg is not a readable JPEG"),
        (pair(1, (100, 200)), r"train/1\.jpg is \(100, 200\), expected \(256, 512\)"),
    ],
)
def test_a_member_that_is_no_pair_is_named(tmp_path, content, message):
    write_facades(tmp_path, {"train/1.jpg": content})

    with pytest.raises(DataError, match=message):
        open_folder(FacadeLabels, tmp_path)


def test_an_archive_without_pictures_is_refused(tmp_path):
    write_facades(tmp_path, {"train/note.txt": b"text"})

    with pytest.raises(DataError, match=r"train\.zip: holds no JPEG file"):
        open_folder(FacadeLabels, tmp_path)
