"""The library's two kinds of images, with wrong training labels where asked for."""

from dataclasses import replace

import numpy as np

from cai_keras.data import image_task
from cai_keras.data.image_task import ImageTask, in_memory_task, read_in_memory
from cai_keras.errors import UsageError


def load_in_memory(data, seed: int) -> ImageTask:
    """Images of the library's task; a share of the training labels is wrong."""
    found = read_in_memory(data)
    if data.label_noise:
        labels = found.train.labels
        rng = np.random.default_rng([0x6E6F6973, seed])
        confusion = confusion_matrix(int(labels.max()) + 1, data.label_noise)
        train = replace(found.train, labels=corrupt(labels, confusion, rng))
        found = replace(found, train=train)
    return in_memory_task(found, data, seed)


LOADERS = {**image_task.LOADERS, "in_memory": load_in_memory}
problems_of = image_task.problems_of


def confusion_matrix(num_classes: int, noise: float) -> np.ndarray:
    """Q, whose row i is the distribution of the label that class i is given.

    Wang et al. 2017, Section 4.1, after Sukhbaatar et al. 2014 (arXiv:1406.2080):
    1 - noise on the diagonal, noise / (classes - 1) elsewhere.

    Raises:
        UsageError: the noise is not a share.
    """
    if not 0 <= noise <= 1:
        raise UsageError(f"data.label_noise: expected 0 to 1, found {noise}")
    matrix = np.full((num_classes, num_classes), noise / (num_classes - 1))
    np.fill_diagonal(matrix, 1 - noise)
    return matrix


def corrupt(labels: np.ndarray, confusion: np.ndarray, rng) -> np.ndarray:
    """A label for each label, drawn once from its row of the confusion matrix.

    Returns:
        int32 (n,).
    """
    ends = np.cumsum(confusion, axis=1)
    ends[:, -1] = 1.0  # the sum may be a rounding error below it
    drawn = rng.random(len(labels))
    return (drawn[:, None] >= ends[labels]).sum(axis=1).astype(np.int32)
