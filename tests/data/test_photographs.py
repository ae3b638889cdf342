"""Photographs: which are for testing, crops by hand, folders, COCO's files."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from coco_files import CocoFiles
from PIL import Image

from cai_keras.data import photographs
from cai_keras.data.photographs import View, crop_batches, in_memory, load_photographs
from cai_keras.errors import DataError, UsageError


@pytest.fixture(scope="module")
def coco_builder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    builder = CocoFiles(data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return builder


@pytest.fixture
def coco(coco_builder, monkeypatch):
    monkeypatch.setattr(photographs, "open_catalogue", lambda spec: coco_builder)


def numbered(height=12, width=16):
    """Pixel (row, column) is (row, column, 7): no two alike."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


def take(source, view, count, batch_size=4, seed=0, first_step=0, rows=None):
    batches = crop_batches(source, view, batch_size, seed, lambda x: {"picture": x})
    found = batches(first_step, rows).as_numpy_iterator()
    return [batch["picture"] for batch in itertools.islice(found, count)]


# Which pictures


def test_two_of_seven_embedded_photographs_are_held_out_by_the_seed():
    found = [load_photographs("embedded:pictures", seed, 2) for seed in range(6)]

    assert {one.train.count for one in found} == {5}
    assert all(len(one.test) == 2 for one in found)
    assert len({tuple(one.test) for one in found}) > 2
    assert found[0].info.examples == {"train": 5, "test": 2}
    assert found[0].info.name == "pictures"
    assert len({one.info.digest for one in found}) == 1


def test_no_embedded_photograph_is_both_learned_and_tested():
    found = load_photographs("embedded:pictures", 3, 2)

    learned = [found.train.read(tf.constant(n, tf.int64)).numpy() for n in range(5)]

    shapes = {picture.shape for picture in found.test.values()}
    for picture in found.test.values():
        assert picture.dtype == np.float32
        assert 0 <= picture.min() < picture.max() <= 1
        for other in learned:
            same = other.shape == picture.shape and np.allclose(other / 255, picture)
            assert not same
    assert all(len(shape) == 3 for shape in shapes)


@pytest.mark.parametrize("count", [0, 7])
def test_something_must_be_left_to_learn_and_to_test(count):
    with pytest.raises(UsageError, match="expected 1 to 6 pictures for testing"):
        load_photographs("embedded:pictures", 0, count)


def test_another_embedded_set_is_refused():
    with pytest.raises(UsageError, match="expected embedded:pictures, tfds:NAME"):
        load_photographs("embedded:glyphs", 0, 2)


# Folders


@pytest.fixture
def folder(tmp_path):
    for part, names in {"train": "cba", "test": "ed"}.items():
        (tmp_path / part).mkdir()
        for number, name in enumerate(names):
            level = np.full((9, 8 + number, 3), 50 * number, np.uint8)
            Image.fromarray(level).save(tmp_path / part / f"{name}.png")
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_names(folder):
    found = load_photographs(f"folder:{folder}", 0, 10)

    assert found.train.count == 3
    # a was the third: level 100, ten columns.
    first = found.train.read(tf.constant(0, tf.int64)).numpy()
    assert first.shape == (9, 10, 3)
    assert (first == 100).all()
    assert list(found.test) == ["d", "e"]
    assert found.info.name == "photographs"


def test_only_the_first_pictures_are_used_where_asked(folder):
    found = load_photographs(f"folder:{folder}", 0, 1, train_count=2)

    assert found.info.examples == {"train": 2, "test": 1}


def test_the_digest_of_a_folder_changes_with_a_file(folder):
    before = load_photographs(f"folder:{folder}", 0, 9).info.digest
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "train" / "a.png")

    assert load_photographs(f"folder:{folder}", 0, 9).info.digest != before


def test_a_folder_without_its_parts_is_refused_with_the_layout(tmp_path):
    with pytest.raises(DataError, match=r"train: no such folder; .* train/ and test/"):
        load_photographs(f"folder:{tmp_path}", 0, 1)
    (tmp_path / "train").mkdir()

    (problem,) = photographs.problems_of(f"folder:{tmp_path}")

    assert "no pictures" in problem


# COCO


def test_cocos_files_are_read_at_any_position(coco):
    found = load_photographs("tfds:coco/2014", 0, 2)

    assert found.info.name == "coco_files"
    assert found.info.examples == {"train": 5, "test": 2}
    picture = found.train.read(tf.constant(3, tf.int64)).numpy()
    assert picture.shape == (24, 23, 3)
    np.testing.assert_allclose(picture, 30, atol=1)
    assert [one.shape for one in found.test.values()] == [(24, 20, 3), (24, 21, 3)]
    np.testing.assert_allclose(found.test["0001"], 10 / 255, atol=1 / 255)


def test_cocos_batches_squeeze_whole_pictures(coco):
    found = load_photographs("tfds:coco/2014", 0, 2, train_count=4)
    view = View("whole", 16, (1.0, 1.0), flip=False)

    (batch,) = take(found.train, view, 1)

    assert batch.shape == (4, 16, 16, 3)
    levels = sorted(255 * batch[:, 8, 8, 0])
    np.testing.assert_allclose(levels, [0, 10, 20, 30], atol=1.5)


def test_a_set_that_is_not_prepared_is_a_problem_with_its_fix():
    (problem,) = photographs.problems_of("tfds:coco/2014")

    assert "tfds build coco/2014 --file_format=array_record" in problem


# Crops


def test_at_scale_one_a_crop_has_the_pictures_own_pixels():
    view = View("crop", 6, (1.0, 1.0), flip=False)

    for batch in take(in_memory([numbered()]), view, 10):
        for square in np.round(255 * batch).astype(int):
            top, left, _ = square[0, 0]
            assert 0 <= top <= 6
            assert 0 <= left <= 10
            expected = numbered()[top : top + 6, left : left + 6]
            np.testing.assert_array_equal(square, expected)


def test_crops_are_anywhere_and_half_of_them_are_mirrored():
    view = View("crop", 10, (1.0, 1.0), flip=True)

    squares = np.round(255 * np.concatenate(take(in_memory([numbered()]), view, 40)))

    # 3 x 7 places; mirrored where columns fall.
    assert {int(square[0, 0, 0]) for square in squares} == {0, 1, 2}
    assert {int(square[..., 1].min()) for square in squares} == set(range(7))
    mirrored = np.mean([square[0, 0, 1] > square[0, 1, 1] for square in squares])
    # 160 coins: a deviation of 0.04.
    assert 0.35 < mirrored < 0.65


def test_at_half_the_scale_a_crop_shows_twice_as_much():
    view = View("crop", 4, (0.5, 0.5), flip=False)
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 200

    (batch,) = take(in_memory([picture]), view, 1)

    # Eight pixels become four: the whole picture, with its edge in the middle.
    assert (batch[:, :, 0] < 0.1).all()
    assert (batch[:, :, 3] > 0.7).all()


def test_scales_are_drawn_from_the_range():
    view = View("crop", 8, (0.25, 1.0), flip=False)
    rows = np.mgrid[:64, :64][0]
    ramp = np.repeat(rows[..., None], 3, axis=-1).astype(np.uint8)

    squares = np.concatenate(take(in_memory([ramp]), view, 40))

    # A step down in the square is 1 / scale rows of the picture: 1 to 4.
    steps = 255 * (squares[:, 5, 4, 0] - squares[:, 3, 4, 0]) / 2
    assert 0.9 < steps.min() < 1.3
    assert 3.0 < steps.max() < 4.1


def test_a_picture_smaller_than_the_crop_is_enlarged():
    view = View("crop", 20, (1.0, 1.0), flip=False)

    (batch,) = take(in_memory([np.full((6, 9, 3), 51, np.uint8)]), view, 1)

    np.testing.assert_allclose(batch, 0.2, atol=1e-6)


def test_an_epoch_has_every_picture_once():
    levels = [np.full((8, 8, 3), 10 * n, np.uint8) for n in range(6)]
    view = View("crop", 4, (0.5, 1.0), flip=True)

    for batch in take(in_memory(levels), view, 3, batch_size=6):
        found = sorted(np.round(255 * batch[:, 0, 0, 0]))
        np.testing.assert_allclose(found, [0, 10, 20, 30, 40, 50])


def test_a_step_is_the_same_from_any_start_and_in_any_part():
    rng = np.random.default_rng(0)
    source = in_memory([rng.integers(0, 255, (30, 40, 3), np.uint8) for _ in range(3)])
    view = View("crop", 16, (0.5, 1.0), flip=True)

    expected = take(source, view, 6)[5]
    (whole,) = take(source, view, 1, first_step=5)
    (part,) = take(source, view, 1, first_step=5, rows=range(1, 3))

    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(part, expected[1:3])
    (other,) = take(source, view, 1, first_step=5, seed=1)
    assert not np.array_equal(other, expected)


def test_an_unknown_view_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="crop"):
        View("crops", 4, (1.0, 1.0), flip=False)
