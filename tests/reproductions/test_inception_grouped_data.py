"""Paired lines: what a window of 3 or 5 pixels can know; the papers' pipelines."""

import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from reproductions.inception_grouped import data, figures


def data_of(scale, variant, spec=None, *sets):
    return find_paper("inception_grouped").recipe(scale, variant, spec, sets).data


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# The task of paired lines


@pytest.fixture(scope="module")
def lines():
    """Profiles across the lines (600, 32) of images without noise, spacings, labels."""
    drawn = data.make_line_images(600, noise=0, stream=0)
    is_line = drawn.images[..., 0] > data._GROUND
    is_horizontal = drawn.labels % 2 == 1
    upright = np.where(is_horizontal[:, None, None], is_line.swapaxes(1, 2), is_line)
    # Every row of an image with vertical lines is the same.
    assert (upright == upright[:, :1]).all()
    return upright[:, 0], np.array(data.SPACINGS)[drawn.labels // 2], drawn


def windows(profile, size, padded):
    """How often each pattern of `size` pixels occurs, in a ring or between zeros."""
    reach = size // 2
    padding = {"constant_values": 0} if padded else {"mode": "wrap"}
    wide = np.pad(profile.astype(int), reach, **padding)
    return Counter(tuple(wide[i : i + size]) for i in range(len(profile)))


def test_a_quarter_of_the_pixels_is_on_a_line_in_every_image(lines):
    profiles, _, _ = lines

    # Two of eight pixels, and 32 is four times eight.
    np.testing.assert_array_equal(profiles.sum(axis=1), 8)


def test_the_second_line_follows_at_the_labels_spacing(lines):
    profiles, spacings, _ = lines

    for profile, spacing in zip(profiles, spacings, strict=True):
        places = np.flatnonzero(profile)
        gaps = np.diff([*places, places[0] + data.LINES_SIDE])
        assert set(gaps) == {spacing, 8 - spacing}


def test_windows_of_three_pixels_tell_nothing_of_spacings_3_and_4(lines):
    profiles, spacings, _ = lines
    shares = {}
    for spacing in data.SPACINGS:
        # One for every phase; at spacing 4 every other phase is the same.
        different = np.unique(profiles[spacings == spacing], axis=0)
        assert len(different) == (4 if spacing == 4 else 8)
        found = Counter(
            frozenset(windows(profile, 3, padded=True).items()) for profile in different
        )
        shares[spacing] = {key: n / len(different) for key, n in found.items()}

    # All that a mean over windows can know, zeros around the image included.
    assert shares[3] == shares[4]
    assert not shares[2].keys() & shares[3].keys()


def test_windows_of_five_pixels_tell_all_spacings(lines):
    profiles, spacings, _ = lines
    seen = {
        spacing: set().union(
            *(windows(p, 5, padded=False) for p in profiles[spacings == spacing])
        )
        for spacing in data.SPACINGS
    }

    assert (1, 0, 0, 0, 1) in seen[4] - seen[3] - seen[2]
    assert (0, 1, 0, 0, 1) in seen[3] - seen[4] - seen[2]
    assert (0, 1, 0, 1, 0) in seen[2] - seen[3] - seen[4]


def test_classes_take_turns_and_streams_differ():
    first, again = (data.make_line_images(12, 24, stream=0) for _ in "ab")
    other = data.make_line_images(12, 24, stream=1)

    np.testing.assert_array_equal(first.labels, [0, 1, 2, 3, 4, 5] * 2)
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    assert first.images.shape == (12, 32, 32, 1)


def test_noise_has_the_deviation_that_is_asked_for():
    drawn = data.make_line_images(300, noise=20, stream=0)
    ground = drawn.images[..., 0][data.make_line_images(300, 0, 0).images[..., 0] == 96]

    # Rounding adds 1 / 12 to the variance of 400.
    assert ground.mean() == pytest.approx(96, abs=0.3)
    assert ground.std() == pytest.approx(20, abs=0.3)


def test_the_task_names_itself_and_its_sizes():
    task = data.load_line_pairs(data_of("smoke", "lines_three"), seed=0)

    assert task.info.name == "line_pairs"
    assert task.info.examples == {"train": 64, "test": 24}
    assert task.image_shape == data.image_shape_of(data_of("smoke", "lines_three"))
    assert task.image_shape == (32, 32, 1)


def test_variants_that_make_their_inputs_refuse_a_folder():
    with pytest.raises(
        UsageError, match=r"folder:x: the variants lines_\* and cost_\*"
    ):
        data.load_line_pairs(data_of("smoke", "lines_five", "folder:x"), seed=0)
    with pytest.raises(UsageError, match="leave --data out"):
        data.refuse_folder("folder:x")
    data.refuse_folder("embedded:shapes")


def test_the_figures_know_the_tasks_spacings():
    # They are imported without TensorFlow, and so without data.py.
    assert figures._SPACINGS == data.SPACINGS


# As the paper scale reads them


@pytest.mark.parametrize(
    "variant",
    [
        "imagenet_resnext50_32x4d",
        "imagenet_googlenet_auxiliary",
        "imagenet_googlenet_bvlc",
    ],
)
def test_imagenets_pipeline_runs_on_mock_data(variant):
    settings = data_of("paper", variant, None, "data.batch_size=4")
    with tfds.testing.mock_data(num_examples=6):
        task = data.LOADERS[settings.loader](settings, seed=0)
        (batch,) = take(task.batches(0), 1)
        parts, crops = list(task.test()), next(task.ten_crops())

    assert task.image_shape == data.image_shape_of(settings) == (224, 224, 3)
    assert batch["image"].shape == (4, 224, 224, 3)
    assert [len(labels) for _, labels in parts] == [4, 2]
    assert crops[0].shape[1:] == (10, 224, 224, 3)
    assert task.info.name == "imagenet2012"


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("cifar10_resnext29_8x64d", "cifar10"),
        ("cifar100_resnext29_16x64d", "cifar100"),
        ("forms_grouped", "cifar10"),
    ],
)
def test_cifars_pipeline_runs_on_mock_data(variant, name):
    settings = data_of("paper", variant, None, "data.batch_size=4")
    with tfds.testing.mock_data(num_examples=20):
        task = data.LOADERS[settings.loader](settings, seed=0)
        (batch,) = take(task.batches(0), 1)

    assert batch["image"].shape == (4, 32, 32, 3)
    assert task.info.name == name
    assert task.info.examples == {"train": 20, "test": 20}
    # Every channel is normalised by the training images' own moments.
    (images, _), *_ = task.test()
    assert abs(images.mean()) < 0.5
    assert 0.5 < images.std() < 2


def test_imagenet_that_is_not_there_is_a_problem_with_its_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    (problem,) = data.problems_of("tfds:imagenet2012")

    assert "tfds build imagenet2012" in problem
    assert data.problems_of("embedded:shapes") == []
