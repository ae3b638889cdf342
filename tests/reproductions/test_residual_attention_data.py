"""Noisy labels, standardised images, and the paper's data sets as TFDS has them."""

import itertools

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data import image_task
from cai_keras.data.classification import load_classification
from cai_keras.errors import UsageError
from reproductions.residual_attention import data
from reproductions.residual_attention.data import confusion_matrix, corrupt


def settings(variant="attention92_noise50", *sets, scale="small"):
    return find_paper("residual_attention").recipe(scale, variant, sets=sets).data


def take(batches, count, first=0):
    return list(itertools.islice(batches(first).as_numpy_iterator(), count))


# Noisy labels


def test_the_confusion_matrix_of_thirty_percent_in_ten_classes():
    matrix = confusion_matrix(10, 0.3)

    np.testing.assert_allclose(np.diagonal(matrix), 0.7)
    off_diagonal = matrix[~np.eye(10, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, 0.3 / 9)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


@pytest.mark.parametrize("noise", [-0.1, 1.1])
def test_a_noise_that_is_no_share_is_refused(noise):
    with pytest.raises(UsageError, match="expected 0 to 1"):
        confusion_matrix(10, noise)


def test_labels_are_drawn_from_their_row_of_the_confusion_matrix():
    labels = np.repeat(np.arange(4), 30_000)
    confusion = np.array(
        [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0.1, 0.2, 0.7], [0.25] * 4]
    )

    noisy = corrupt(labels, confusion, np.random.default_rng(0))

    shares = np.stack([np.bincount(noisy[labels == k], minlength=4) for k in range(4)])
    # 30,000 draws: a standard deviation is at most 0.0029; five of them.
    np.testing.assert_allclose(shares / 30_000, confusion, atol=0.015)
    np.testing.assert_array_equal(shares[confusion == 0], 0)


def test_no_noise_leaves_every_label_and_full_noise_none():
    labels = np.arange(10).repeat(50)

    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(corrupt(labels, confusion_matrix(10, 0), rng), labels)
    assert (corrupt(labels, confusion_matrix(10, 1), rng) != labels).all()


def test_half_of_the_training_labels_are_wrong_and_no_test_label():
    clean = load_classification("embedded:shapes")

    task = data.load_in_memory(settings("attention92_noise50"), seed=3)

    # 2,000 labels: a standard deviation is 1.1 percent; five of them.
    ((_, given),) = task.training_sample()
    assert np.mean(given != clean.train.labels[:2000]) == pytest.approx(0.5, abs=0.056)
    ((_, tested),) = task.test()
    np.testing.assert_array_equal(tested, clean.test.labels)


def test_wrong_labels_belong_to_the_seed_alone():
    def given(variant, seed):
        ((_, labels),) = data.load_in_memory(settings(variant), seed).training_sample()
        return labels

    attention = given("attention92_noise50", 0)
    np.testing.assert_array_equal(given("resnet164_noise50", 0), attention)
    assert (given("attention92_noise50", 1) != attention).any()


def test_an_image_keeps_its_wrong_label_in_every_epoch():
    task = data.load_in_memory(
        settings(
            "attention92_noise50", "data.batch_size=5000", "data.in_memory.padding=0"
        ),
        0,
    )

    first, second = (batch["label"] for batch in take(task.batches, 2))

    # An epoch is one batch here, and a label's number of images stays what it is.
    np.testing.assert_array_equal(np.bincount(first), np.bincount(second))
    assert not np.array_equal(first, second)


# As the paper scale reads them


@pytest.fixture
def no_cached_data():
    """What is read before and after the test is not what is read in it."""
    for cached in (load_classification, image_task._pooled):
        cached.cache_clear()
    yield
    for cached in (load_classification, image_task._pooled):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("variant", "name"),
    [("attention92", "cifar10"), ("cifar100_attention92", "cifar100")],
)
def test_the_paper_scale_reads_cifar_from_tfds(variant, name, no_cached_data):
    with tfds.testing.mock_data(num_examples=20):
        task = data.load_in_memory(
            settings(variant, "data.in_memory.training_sample=0", scale="paper"), 0
        )

    (batch,) = take(task.batches, 1)
    assert task.info.name == name
    assert batch["image"].shape == (64, 32, 32, 3)
    assert batch["label"].shape == (64,)


def test_the_paper_scale_asks_for_imagenet_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    recipe = find_paper("residual_attention").recipe("paper", "imagenet_attention92")

    assert recipe.data.spec == "tfds:imagenet2012"
    assert data.LOADERS[recipe.data.loader] is image_task.load_imagenet
    assert (recipe.data.image_side, recipe.data.test_side) == (224, 320)
    assert recipe.train.total_steps == 530_000
    # The images are not here; the fix is one line.
    (problem,) = data.problems_of("tfds:imagenet2012")
    assert "tfds build imagenet2012" in problem
