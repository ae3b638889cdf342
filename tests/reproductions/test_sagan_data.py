"""SAGAN's pictures: ranges, borders, latent vectors; the paper's data sets mocked."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data.classification import Classification, LabelledImages
from cai_keras.data.latents import LatentSpace
from cai_keras.data.loaded import LoadedData
from cai_keras.errors import UsageError
from reproductions.sagan import data
from reproductions.sagan.data import latent_batches, load_pictures

PAPER = find_paper("sagan")
SPACE = LatentSpace(5, "normal")


def first(dataset):
    return next(dataset.as_numpy_iterator())


@pytest.fixture
def grey_pictures(monkeypatch):
    """28 x 28 grey pictures, number n of level 10 n and class n % 10."""
    levels = np.arange(20, dtype=np.uint8)
    images = np.tile(10 * levels[:, None, None, None], (1, 28, 28, 1))
    split = LabelledImages(images, (levels % 10).astype(np.int32))
    found = Classification(split, split, LoadedData("grey", "1", {"train": 20}))
    monkeypatch.setattr(data, "load_classification", lambda spec: found)
    return load_pictures(PAPER.recipe("smoke", "attention32"), 0)


def test_small_pictures_get_a_black_border_which_is_cut_off_again(grey_pictures):
    batch = first(grey_pictures.batches(0))

    assert batch["image"].shape == (4, 32, 32, 1)
    np.testing.assert_array_equal(batch["image"][:, :2], -1)
    np.testing.assert_array_equal(batch["image"][:, :, -2:], -1)
    # Level v of 0 to 255 is v / 127.5 - 1.
    middle = batch["image"][:, 16, 16, 0]
    levels = np.round(127.5 * (middle + 1))
    np.testing.assert_array_equal(levels / 10 % 10, batch["label"])
    inner = grey_pictures.without_border(batch["image"])
    assert inner.shape == (4, 28, 28, 1)
    np.testing.assert_array_equal(inner[:, 0, 0, 0], middle)


def test_pictures_for_scores_are_the_same_for_all_runs(grey_pictures):
    chosen, again = grey_pictures.train(12), grey_pictures.train(12)

    np.testing.assert_array_equal(chosen.images, again.images)
    np.testing.assert_array_equal(chosen.images[:, 0, 0, 0] / 10 % 10, chosen.labels)
    assert len(set(chosen.images[:, 0, 0, 0])) == 12
    with pytest.raises(UsageError, match="21 pictures asked for, expected 1 to 20"):
        grey_pictures.test(21)


def test_pictures_that_are_too_large_are_refused(monkeypatch):
    split = LabelledImages(np.zeros((4, 64, 64, 3), np.uint8), np.arange(4))
    found = Classification(split, split, LoadedData("large", "1", {"train": 4}))
    monkeypatch.setattr(data, "load_classification", lambda spec: found)

    with pytest.raises(UsageError, match="pictures of 64 x 64 cannot get a black"):
        load_pictures(PAPER.recipe("smoke", "attention32"), 0)


def test_too_few_classes_in_the_recipe_are_refused(grey_pictures):
    recipe = PAPER.recipe("smoke", "attention32", sets=["data.classes=4"])

    with pytest.raises(
        UsageError, match=r"data\.classes: 4, but embedded:shapes has 10"
    ):
        load_pictures(recipe, 0)


def test_imagenet_at_paper_scale_gives_what_both_players_need():
    recipe = PAPER.recipe("paper", "imagenet_sagan", sets=["data.batch_size=4"])
    with tfds.testing.mock_data(num_examples=6):
        pictures = load_pictures(recipe, 0)
        batches = latent_batches(pictures, SPACE, 0, 1000)
        batch = first(batches(2))
        part = first(batches(2, range(1, 3)))
        tested = pictures.test(5)

    assert pictures.info.name == "imagenet2012"
    assert batch["image"].shape == (4, 128, 128, 3)
    assert -1 <= batch["image"].min() < batch["image"].max() <= 1
    assert batch["latent"].shape == batch["latent_again"].shape == (4, 5)
    assert 0 <= batch["fake_label"].min() <= batch["fake_label"].max() < 1000
    for name, values in part.items():
        np.testing.assert_array_equal(values, batch[name][1:3])
    assert tested.images.shape == (5, 128, 128, 3)
    assert tested.images.dtype == np.uint8
    # Mocked pictures are noise over the whole range.
    assert tested.images.std() > 10


def test_cifar10_at_paper_scale_gives_what_both_players_need():
    recipe = PAPER.recipe("paper", "attention32")
    with tfds.testing.mock_data(num_examples=8):
        pictures = load_pictures(recipe, 0)
        batch = first(latent_batches(pictures, SPACE, 0, 10)(0))

    assert pictures.info.name == "cifar10"
    assert batch["image"].shape == (64, 32, 32, 3)
    assert -1 <= batch["image"].min() < batch["image"].max() <= 1
    assert batch["fake_label"].max() < 10
