"""ImageNet's pipeline: on TFDS's mock data, on real ArrayRecord files, and by pixel."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data import imagenet
from cai_keras.data.imagenet import EvaluationView, TrainingView
from cai_keras.data.row_random import RowRandom
from cai_keras.errors import DataError, UsageError

MEAN = (10.0, 20.0, 30.0)
VIEW = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(0.75, 1.3333))
WHOLE = TrainingView(16, MEAN, area=(1.0, 1.0), aspect=(1.0, 1.0))


def random_of(step=0, row=0, seed=0):
    row = tf.constant([row], tf.int64)
    return RowRandom(seed, tf.constant(step, tf.int64), row, batch_size=8)


def jpeg(image):
    return tf.io.encode_jpeg(image, quality=100)


def grey_steps(height, width):
    """Every column has a level of its own, from black on the left to white."""
    levels = np.linspace(0, 255, width).round().astype(np.uint8)
    return np.broadcast_to(levels[None, :, None], (height, width, 3))


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


@pytest.fixture
def mocked():
    """TFDS's imagenet2012 with random JPEG files of its true features."""
    with tfds.testing.mock_data(num_examples=6):
        yield imagenet.open_imagenet("tfds:imagenet2012")


class NumberedImages(tfds.core.GeneratorBasedBuilder):
    """Image number n is all of level n * 10, and n is its label."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        label = tfds.features.ClassLabel(num_classes=100)
        features = tfds.features.FeaturesDict({"image": image, "label": label})
        # Without a folder of metadata, which `dataset_info_from_configs` looks for.
        return tfds.core.DatasetInfo(
            builder=self, features=features, disable_shuffling=True
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(7),
            "validation": self._generate_examples(3),
        }

    def _generate_examples(self, count):
        for number in range(count):
            image = np.full((20, 20 + number, 3), 10 * number, np.uint8)
            yield number, {"image": image, "label": number}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """The numbered images in ArrayRecord files."""
    folder = tmp_path_factory.mktemp("numbered")
    builder = NumberedImages(data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return builder


# Where images come from


def test_mocked_imagenet_gives_batches_of_the_papers_size(mocked):
    view = TrainingView(224, MEAN, (0.08, 1.0), (0.75, 1.3333), 10.0, 20.0)
    batches = imagenet.training_batches(mocked.train, view, 4, seed=0)

    (batch,) = take(batches(0), 1)

    assert mocked.info.name == "imagenet2012"
    assert mocked.info.examples == {"train": 6, "test": 6}
    assert batch["image"].shape == (4, 224, 224, 3)
    assert batch["image"].dtype == np.float32
    assert batch["label"].shape == (4,)
    assert batch["label"].dtype == np.int32
    assert 0 <= batch["label"].min() <= batch["label"].max() < 1000


def test_mocked_imagenet_is_tested_on_every_image_once(mocked):
    view = EvaluationView(224, 256, MEAN)

    parts = take(imagenet.evaluation_batches(mocked.test, view, 4), 9)

    assert [image.shape for image, _ in parts] == [(4, 224, 224, 3), (2, 224, 224, 3)]
    assert [label.shape for _, label in parts] == [(4,), (2,)]


def test_array_record_files_are_read_at_any_position(numbered):
    images = imagenet._open_split(numbered, "train")

    encoded, label = images.read(tf.constant(5, tf.int64))

    assert len(images) == 7
    assert label == 5
    np.testing.assert_allclose(tf.io.decode_jpeg(encoded), 50, atol=1)


def test_an_epoch_from_files_has_every_image_once(numbered):
    images = imagenet._open_split(numbered, "train")
    batches = imagenet.training_batches(images, VIEW, 7, seed=0)

    first, second = (batch["label"] for batch in take(batches(0), 2))

    assert sorted(first) == sorted(second) == list(range(7))
    assert not np.array_equal(first, second)


def test_a_step_from_files_is_the_same_from_any_start_and_in_any_part(numbered):
    images = imagenet._open_split(numbered, "train")
    view = TrainingView(16, MEAN, (0.08, 1.0), (0.75, 1.3333), 10.0, 20.0)
    batches = imagenet.training_batches(images, view, 4, seed=0)

    expected = take(batches(0), 4)[3]
    (whole,) = take(batches(3), 1)
    (part,) = take(batches(3, range(1, 3)), 1)

    for name, values in expected.items():
        np.testing.assert_array_equal(whole[name], values)
        np.testing.assert_array_equal(part[name], values[1:3])


def test_test_images_keep_their_order_and_labels(numbered):
    images = imagenet._open_split(numbered, "validation")
    view = EvaluationView(16, 18, MEAN)

    ((image, label),) = take(imagenet.evaluation_batches(images, view, 5), 2)

    np.testing.assert_array_equal(label, [0, 1, 2])
    expected = np.array([0, 10, 20])[:, None] - MEAN
    np.testing.assert_allclose(image[:, 8, 8], expected, atol=1)


def test_a_set_that_is_not_prepared_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    with pytest.raises(DataError, match="tfds build imagenet2012 --file_format=array"):
        imagenet.open_imagenet("tfds:imagenet2012")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("embedded:shapes", "expected tfds:NAME"),
        ("tfds:omniglot_nothing", "no such data set"),
        ("tfds:ag_news_subset", "no features image and label"),
    ],
)
def test_other_specs_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        imagenet.open_imagenet(spec)


# How an image is seen


def test_the_middle_of_the_resized_image_is_tested():
    # 40 x 80 becomes 20 x 40; 16 x 16 of it start at row 2 and column 12: the middle.
    image = grey_steps(40, 80)

    found = imagenet.view_for_evaluation(jpeg(image), EvaluationView(16, 20, MEAN))

    halved = image.reshape(20, 2, 40, 2, 3).mean(axis=(1, 3))
    expected = halved[2:18, 12:28] - MEAN
    np.testing.assert_allclose(found, expected, atol=3)


def test_a_crop_of_the_whole_is_the_whole_resized_perhaps_flipped():
    image = grey_steps(32, 32)
    expected = image.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3)) - MEAN

    views = np.stack(
        [
            imagenet.view_for_training(jpeg(image), WHOLE, random_of(row=r))
            for r in range(8)
        ]
    )

    is_flipped = views[:, 0, 0, 0] > views[:, 0, -1, 0]
    # Not all of eight fair coins fall alike, but for one seed of 128.
    assert 0 < is_flipped.sum() < 8
    for view, flipped in zip(views, is_flipped, strict=True):
        np.testing.assert_allclose(view[:, ::-1] if flipped else view, expected, atol=3)


def test_windows_are_even_in_area_and_aspect_and_lie_inside():
    view = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(0.75, 1.3333))
    shape = tf.constant([400, 800, 3])

    windows = np.stack(
        [imagenet.sample_window(shape, view, random_of(step=s)) for s in range(400)]
    )

    top, left, height, width = windows.T
    assert (windows[:, :2] >= 0).all()
    assert (top + height).max() <= 400
    assert (left + width).max() <= 800
    fitting = height * width < 320_000  # one try of ten at least
    assert fitting.mean() > 0.98
    area = (height * width / 320_000)[fitting]
    aspect = (width / height)[fitting]
    # A crop of 400 x 533 at most: areas from 0.08 to 0.67, those above 0.38 less often.
    assert 0.08 <= area.min() < 0.1
    assert 0.55 < area.max() < 0.67
    assert 0.74 < aspect.min() < 0.8
    assert 1.25 < aspect.max() < 1.35
    # As many areas from 0.08 to 0.23 as from 0.23 to 0.38, within five deviations.
    small, large = (area < 0.23).sum(), ((area >= 0.23) & (area < 0.38)).sum()
    assert abs(small - large) < 5 * np.sqrt(small + large)


def test_windows_of_a_square_image_have_half_of_its_area_on_average():
    view = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(1.0, 1.0))
    shape = tf.constant([100, 100, 3])

    windows = np.stack(
        [imagenet.sample_window(shape, view, random_of(step=s)) for s in range(400)]
    )

    # (0.08 + 1) / 2, deviation 0.27 / 20 = 0.013; even sides would give 0.45.
    area = windows[:, 2] * windows[:, 3] / 10_000
    assert abs(area.mean() - 0.54) < 0.04


def test_an_image_in_which_no_window_fits_is_taken_as_a_whole():
    view = TrainingView(16, MEAN, area=(0.9, 1.0), aspect=(1.0, 1.0))

    window = imagenet.sample_window(tf.constant([10, 1000, 3]), view, random_of())

    np.testing.assert_array_equal(window, [0, 0, 10, 1000])


def test_turning_keeps_the_middle_and_fills_the_corners_with_the_mean():
    white = jpeg(np.full((32, 32, 3), 255, np.uint8))
    view = TrainingView(16, MEAN, (1.0, 1.0), (1.0, 1.0), rotation_degrees=45.0)

    views = np.stack(
        [imagenet.view_for_training(white, view, random_of(row=r)) for r in range(8)]
    )

    np.testing.assert_allclose(
        views[:, 7:9, 7:9], np.subtract(255.0, MEAN) + np.zeros((8, 2, 2, 3)), atol=1
    )
    # Some of eight angles within 45 degrees bring the outside into the corner.
    assert np.abs(views[:, 0, 0]).min() < 1


def test_jitter_adds_one_number_to_each_channel():
    grey = jpeg(np.full((32, 32, 3), 100, np.uint8))
    view = TrainingView(16, MEAN, (1.0, 1.0), (1.0, 1.0), jitter=20.0)

    added = np.stack(
        [imagenet.view_for_training(grey, view, random_of(row=r)) for r in range(8)]
    ) - np.subtract(100.0, MEAN)

    assert np.ptp(added, axis=(1, 2)).max() < 0.01
    assert np.abs(added).max() <= 20.5
    assert added[:, 0, 0].std(axis=0).min() > 3  # of 24 numbers uniform within 20
    assert np.abs(added[0, 0, 0, 0] - added[0, 0, 0, 1]) > 0.1
