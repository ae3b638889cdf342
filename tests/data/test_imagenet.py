"""ImageNet's pipeline: on TFDS's mock data and on real ArrayRecord files."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from cai_keras.data import imagenet
from cai_keras.data.image_views import EvaluationView, TrainingView
from cai_keras.errors import DataError, UsageError

MEAN = (10.0, 20.0, 30.0)
VIEW = TrainingView(16, MEAN, area=(0.08, 1.0), aspect=(0.75, 1.3333))


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
    view = TrainingView(
        224, MEAN, (0.08, 1.0), (0.75, 1.3333), rotation_degrees=10.0, jitter=20.0
    )
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


def test_ten_crops_of_every_image_come_with_one_label(mocked):
    view = EvaluationView(32, 40, MEAN)

    parts = take(imagenet.evaluation_batches(mocked.test, view, 4, ten_crops=True), 9)

    assert [image.shape for image, _ in parts] == [
        (4, 10, 32, 32, 3),
        (2, 10, 32, 32, 3),
    ]
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
    view = TrainingView(
        16, MEAN, (0.08, 1.0), (0.75, 1.3333), rotation_degrees=10.0, jitter=20.0
    )
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
