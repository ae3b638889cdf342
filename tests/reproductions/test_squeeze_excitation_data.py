"""SENet's data: the global-cue task, images in memory, the paper's ImageNet."""

import itertools

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from reproductions.squeeze_excitation import data


def data_of(scale, variant, spec=None, *sets):
    return find_paper("squeeze_excitation").recipe(scale, variant, spec, sets).data


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


# The global-cue task


@pytest.fixture(scope="module")
def cue():
    """500 images as signed levels about grey, masks of both objects, and labels."""
    drawn = data.make_cue_images(500, tint=8, noise=40, stream=0)
    levels = drawn.images.astype(float) - 128
    # Objects are 70 levels off grey with noise of deviation 10: 40 parts them.
    is_red, is_green = levels[..., 0] > 40, levels[..., 1] > 40
    return levels, is_red, is_green, drawn.labels


def is_square(mask):
    """A square of equal area fills its box; a circle pi / 4 of it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return mask.sum() / box > 0.93


def test_the_background_is_bluish_or_yellowish_by_the_tint_exactly(cue):
    levels, is_red, is_green, _ = cue
    background = ~(is_red | is_green)

    means = levels[..., 2].mean(axis=(1, 2), where=background)

    # Rounding, and clipping of what is beyond three deviations.
    np.testing.assert_allclose(np.abs(means), 8, atol=1.0)
    assert 180 < (means > 0).sum() < 320  # 250 +- 6 deviations of 11


def test_the_label_is_the_shape_of_the_object_that_the_tint_names(cue):
    levels, is_red, is_green, labels = cue

    is_bluish = levels[..., 2].mean(axis=(1, 2)) > 0

    meant = [
        is_square(red if bluish else green)
        for red, green, bluish in zip(is_red, is_green, is_bluish, strict=True)
    ]
    # Noise hides a pixel of a few outlines.
    assert np.mean(np.array(meant) == labels) > 0.97


def test_one_object_is_a_circle_and_the_other_a_square(cue):
    _, is_red, is_green, _ = cue

    differ = [
        is_square(a) != is_square(b) for a, b in zip(is_red, is_green, strict=True)
    ]

    assert np.mean(differ) > 0.97


def test_neither_shape_nor_cue_tells_the_label_alone(cue):
    levels, is_red, _, labels = cue
    is_bluish = levels[..., 2].mean(axis=(1, 2)) > 0
    red_is_square = np.array([is_square(mask) for mask in is_red])

    # 250 +- 5 deviations of 11.
    for alone in (is_bluish, red_is_square, is_red.sum(axis=(1, 2)) > 50):
        assert 195 < (alone == labels).sum() < 305


def test_a_small_part_of_the_background_does_not_show_the_cue(cue):
    levels, is_red, is_green, _ = cue
    corner = (slice(None), slice(0, 8), slice(0, 8))
    is_free = ~(is_red | is_green)[corner].any(axis=(1, 2))
    is_bluish = levels[..., 2].mean(axis=(1, 2)) > 0

    guess = levels[corner][..., 2].mean(axis=(1, 2)) > 0

    # Four blotches: the tint is 8 sqrt(4) / 40 = 0.4 deviations, right in 66 %.
    assert is_free.sum() > 60
    assert 0.5 < (guess == is_bluish)[is_free].mean() < 0.82


def test_streams_give_different_images_and_every_call_the_same():
    first, again = (data.make_cue_images(4, 8, 40, stream=0) for _ in "ab")
    other = data.make_cue_images(4, 8, 40, stream=1)

    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_the_cue_task_names_itself_and_refuses_a_folder(tmp_path):
    task = data.load_global_cue(data_of("smoke", "global_cue_se"), seed=0)

    assert task.info.name == "global_cue"
    assert task.info.examples == {"train": 64, "test": 32}
    assert task.image_shape == (24, 24, 3)
    with pytest.raises(UsageError, match="make their own images"):
        data.load_global_cue(data_of("smoke", "global_cue_se", "folder:x"), seed=0)


# As the paper scale reads them


@pytest.mark.parametrize("variant", ["imagenet_resnet50", "imagenet_senet154_released"])
def test_the_papers_pipeline_runs_on_mocked_imagenet(variant):
    settings = data_of("paper", variant, None, "data.batch_size=4")
    with tfds.testing.mock_data(num_examples=6):
        task = data.LOADERS[settings.loader](settings, seed=0)
        (batch,) = take(task.batches(0), 1)
        parts = list(task.test())

    assert task.image_shape == (224, 224, 3)
    assert batch["image"].shape == (4, 224, 224, 3)
    assert [len(labels) for _, labels in parts] == [4, 2]


def test_imagenet_that_is_not_there_is_a_problem_with_its_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    (problem,) = data.problems_of("tfds:imagenet2012")

    assert "tfds build imagenet2012" in problem
    assert data.problems_of("embedded:shapes") == []
