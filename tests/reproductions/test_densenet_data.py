"""DenseNet's data at paper scale, on mocked CIFAR and ImageNet."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.cli.papers import find_paper
from cai_keras.data import image_task
from cai_keras.data.classification import load_classification
from cai_keras.data.image_task import load_image_task

PAPER = find_paper("densenet")


@pytest.fixture
def no_cached_data():
    """What is read before and after the test is not what is read in it."""
    for cached in (load_classification, image_task._pooled):
        cached.cache_clear()
    yield
    for cached in (load_classification, image_task._pooled):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("variant", "classes"),
    [("cifar10plus_densenet40_k12", 10), ("cifar100_densenet_bc100_k12", 100)],
)
def test_the_papers_pipeline_runs_on_mocked_cifar(variant, classes, no_cached_data):
    sets = ["data.in_memory.training_sample=20"]
    recipe = PAPER.recipe("paper", variant, sets=sets)
    with tfds.testing.mock_data(num_examples=70):
        task = load_image_task(recipe.data, seed=0)
        first, again = (next(task.batches(step).as_numpy_iterator()) for step in (3, 3))
        ((images, labels),) = task.test()

    assert recipe.model.num_classes == classes
    assert first["image"].shape == (64, 32, 32, 3)
    np.testing.assert_array_equal(first["image"], again["image"])
    assert images.shape == (70, 32, 32, 3)
    assert labels.max() < classes


def test_without_plus_training_images_are_as_they_are_stored():
    sets = ["data.in_memory.training_sample=1297"]  # all
    recipe = PAPER.recipe("smoke", "cifar10_densenet40_k12", sets=sets)

    task = load_image_task(recipe.data, seed=0)
    batch = next(task.batches(0).as_numpy_iterator())
    images, _ = next(task.training_sample())

    stored = {image.tobytes() for image in images}
    assert all(image.tobytes() in stored for image in batch["image"])


def test_the_papers_pipeline_runs_on_mocked_imagenet():
    sets = ["data.batch_size=4"]
    settings = PAPER.recipe("paper", "imagenet_densenet121", sets=sets).data
    with tfds.testing.mock_data(num_examples=6):
        task = load_image_task(settings, seed=0)
        batch = next(task.batches(0).as_numpy_iterator())
        crops = next(task.ten_crops())[0]

    assert batch["image"].shape == (4, 224, 224, 3)
    assert crops.shape[1:] == (10, 224, 224, 3)
    # Over deviations: levels of 255 would be larger.
    assert np.abs(batch["image"]).max() < 6
