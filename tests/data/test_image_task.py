"""Images as a network is trained and tested on them, by NumPy."""

import copy
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.data import image_task
from cai_keras.data.classification import load_classification
from cai_keras.errors import UsageError

IN_MEMORY = {
    "pool": 1,
    "augment": True,
    "padding": 1,
    "normalisation": "channel_mean",
    "train": None,
    "test": None,
    "training_sample": 0,
    "ten_crops": False,
}
IMAGENET = {
    "crop_area": [0.08, 1.0],
    "crop_aspect": [0.75, 1.3333],
    "crop_shorter_side": None,
    "shorter_side": 40,
    "channel_mean": [124, 117, 104],
    "channel_deviation": [58, 57, 57],
    "rotation_degrees": 0.0,
    "jitter": 0.0,
    "colour_jitter": 0.4,
    "lighting": 0.1,
}


def settings(spec="embedded:digits", batch_size=8, **in_memory):
    return SimpleNamespace(
        spec=spec,
        loader="in_memory",
        batch_size=batch_size,
        image_side=8,
        in_memory=SimpleNamespace(**{**IN_MEMORY, **in_memory}),
    )


def load(*arguments, seed=0, **options):
    return image_task.load_image_task(settings(*arguments, **options), seed)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_smaller_images_are_the_means_of_pixels_less_the_training_sets_mean():
    raw = load_classification("embedded:digits")

    task = load(pool=2)

    ((images, labels),) = task.test()
    assert task.image_shape == (4, 4, 1)
    means = raw.test.images.reshape(500, 4, 2, 4, 2, 1).mean(axis=(2, 4)) / 255
    mean = raw.train.images.mean() / 255
    np.testing.assert_allclose(images, means - mean, atol=1.1 / 255)
    np.testing.assert_array_equal(labels, raw.test.labels)


def test_halves_are_rounded_up_when_pixels_are_averaged():
    # 1 + 2 + 2 + 1 = 6, 1.5 on average; 3 + 0 + 0 + 0 = 3, 0.75; 1, 0.25.
    image = np.array([[1, 2, 3, 0], [2, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    split = image_task.LabelledImages(
        image.astype(np.uint8)[None, :, :, None], np.zeros(1, np.int32)
    )

    pooled = image_task._pool(split, 2)

    np.testing.assert_array_equal(pooled.images[0, :, :, 0], [[2, 1], [0, 0]])


@pytest.mark.parametrize("pool", [3, 64])
def test_a_pool_that_does_not_divide_the_image_is_refused(pool):
    with pytest.raises(UsageError, match=rf"pool: {pool} does not divide \(8, 8\)"):
        load(pool=pool)


def test_channel_moments_give_mean_zero_and_deviation_one():
    task = load(normalisation="channel_moments", training_sample=1297)

    ((images, _),) = task.training_sample()

    assert images.shape == (1297, 8, 8, 1)
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0.0, atol=1e-3)
    np.testing.assert_allclose(images.std(axis=(0, 1, 2)), 1.0, atol=1e-3)


def test_a_pixel_mean_makes_every_pixels_mean_zero():
    task = load(normalisation="pixel_mean", training_sample=1297)

    ((images, _),) = task.training_sample()

    np.testing.assert_allclose(images.mean(axis=0), 0.0, atol=1e-6)


def test_an_unknown_normalisation_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'channel_mean'"):
        load(normalisation="chanel_mean")


def test_training_images_are_shifted_and_flipped_differently_at_each_step():
    task = load(batch_size=1297)

    first, second = take(task.batches(0), 2)

    # One epoch is one batch: the same images, hardly any of them twice alike.
    order = [np.argsort(b["label"], kind="stable") for b in (first, second)]
    np.testing.assert_array_equal(first["label"][order[0]], second["label"][order[1]])
    known = {image.tobytes() for image in first["image"]}
    repeated = sum(image.tobytes() in known for image in second["image"])
    # 9 shifts and 2 sides: one in 18 of 1,297.
    assert 30 < repeated < 130


def test_without_augmentation_an_epoch_has_every_image_as_it_is():
    task = load(batch_size=1297, augment=False, training_sample=1297)

    (batch,) = take(task.batches(0), 1)

    ((images, _),) = task.training_sample()
    found = sorted(image.tobytes() for image in batch["image"])
    assert found == sorted(image.tobytes() for image in images)


def test_crops_come_from_the_normalised_image_and_its_mean_colour():
    plain, shifted = (load("embedded:shapes", pool=2, padding=n) for n in (0, 2))

    (before,), (after,) = take(plain.batches(0), 1), take(shifted.batches(0), 1)

    # The same flips, and shifts by up to two pixels to each side.
    for old, new in zip(before["image"], after["image"], strict=True):
        padded = np.pad(old, ((2, 2), (2, 2), (0, 0)))
        windows = [padded[r : r + 16, c : c + 16] for r in range(5) for c in range(5)]
        assert any(np.array_equal(new, window) for window in windows)
    np.testing.assert_array_equal(before["label"], after["label"])


def test_a_step_is_the_same_from_any_start_and_in_any_part():
    batches = load(seed=3).batches

    expected = take(batches(0), 6)[5]
    (whole,), (part,) = take(batches(5), 1), take(batches(5, range(2, 5)), 1)

    for name, values in expected.items():
        np.testing.assert_array_equal(whole[name], values)
        np.testing.assert_array_equal(part[name], values[2:5])


def test_the_first_images_of_a_split_can_be_asked_for():
    raw = load_classification("embedded:digits")

    task = load(train=100, test=30, batch_size=100)

    assert task.info.examples == {"train": 100, "test": 30}
    ((_, labels),) = task.test()
    np.testing.assert_array_equal(labels, raw.test.labels[:30])
    (batch,) = take(task.batches(0), 1)
    expected = np.bincount(raw.train.labels[:100])
    np.testing.assert_array_equal(np.bincount(batch["label"]), expected)
    with pytest.raises(UsageError, match="5000 images asked for"):
        load(train=5000)


def test_images_at_the_end_of_the_training_split_can_be_held_out():
    raw = load_classification("embedded:digits")

    task = load(validation=97, batch_size=1200, augment=False)

    assert task.info.examples == {"train": 1200, "test": 500, "validation": 97}
    ((images, labels),) = task.validation()
    np.testing.assert_array_equal(labels, raw.train.labels[1200:])
    (batch,) = take(task.batches(0), 1)
    trained_on = {image.tobytes() for image in batch["image"]}
    assert not any(image.tobytes() in trained_on for image in images)
    assert load().validation is None
    with pytest.raises(UsageError, match="1297 of 1297 images held out: too many"):
        load(validation=1297)


def test_ten_crops_of_an_image_in_memory_are_its_shifts_and_their_mirror_images():
    task = load(padding=2, ten_crops=True)

    ((images, labels),), ((crops, same),) = task.test(), task.ten_crops()

    assert crops.shape == (500, 10, 8, 8, 1)
    np.testing.assert_array_equal(labels, same)
    np.testing.assert_array_equal(crops[:, 0], images)
    # The upper left corner of the padded image: two rows and columns of zeros.
    np.testing.assert_array_equal(crops[:, 1, 2:, 2:], images[:, :6, :6])
    assert not crops[:, 1, :2].any()
    np.testing.assert_array_equal(crops[:, 4, :6, :6], images[:, 2:, 2:])
    np.testing.assert_array_equal(crops[:, 5:], crops[:, :5, :, ::-1])
    assert load(padding=2).ten_crops is None


def test_mocked_imagenet_is_trained_on_crops_and_tested_on_one_and_ten():
    data = settings("tfds:imagenet2012", 4)
    data.loader, data.image_side = "imagenet", 32
    data.imagenet = SimpleNamespace(**IMAGENET)
    by_scale = copy.deepcopy(data)
    by_scale.imagenet.crop_area = by_scale.imagenet.crop_aspect = None
    by_scale.imagenet.crop_shorter_side = [36, 48]

    with tfds.testing.mock_data(num_examples=6):
        for wanted in (data, by_scale):
            task = image_task.load_image_task(wanted, 0)
            (batch,) = take(task.batches(0), 1)
            one, ten = list(task.test()), list(task.ten_crops())

            assert task.image_shape == (32, 32, 3)
            assert task.training_sample is None
            assert batch["image"].shape == (4, 32, 32, 3)
            assert [image.shape[0] for image, _ in one] == [4, 2]
            assert {image.shape[1:] for image, _ in ten} == {(10, 32, 32, 3)}
            assert sum(len(labels) for _, labels in ten) == 6
            # The middle is the first of the ten.
            np.testing.assert_array_equal(ten[0][0][0, 0], one[0][0][0])


def test_imagenet_that_is_not_there_is_a_problem_with_its_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    (problem,) = image_task.problems_of("tfds:imagenet2012")

    assert "tfds build imagenet2012" in problem
    assert image_task.problems_of("embedded:shapes") == []
