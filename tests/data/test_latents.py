"""Latent vectors: drawn by step and row, whatever the devices."""

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.data.latents import LatentSpace, with_latents
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError


def labels_of_rows(step, rows):
    return {"label": tf.cast(rows % 3, tf.int32)}


def batches(**options):
    space = LatentSpace(5, "normal")
    return with_latents(StepBatches(labels_of_rows, 6), space, seed=0, **options)


def first(dataset):
    return next(iter(dataset.as_numpy_iterator()))


@pytest.mark.parametrize(
    ("distribution", "low", "high", "mean", "deviation"),
    [
        ("normal", -np.inf, np.inf, 0.0, 1.0),
        # A uniform distribution of width w has a deviation of w / sqrt(12).
        ("uniform", -1.0, 1.0, 0.0, 2 / np.sqrt(12)),
        ("unit", 0.0, 1.0, 0.5, 1 / np.sqrt(12)),
    ],
)
def test_numbers_have_the_moments_of_their_distribution(
    distribution, low, high, mean, deviation
):
    space = LatentSpace(100, distribution)
    many = with_latents(StepBatches(labels_of_rows, 200), space, seed=1)

    for drawn in (space.draw(200, seed=3), first(many(0))["latent"]):
        assert drawn.shape == (200, 100)
        assert drawn.dtype == np.float32
        assert drawn.min() >= low
        assert drawn.max() <= high
        # 20,000 numbers: four standard errors of a mean.
        assert drawn.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(2e4))
        assert drawn.std() == pytest.approx(deviation, rel=0.03)


def test_the_first_vectors_of_a_seed_are_the_same_for_any_count():
    space = LatentSpace(4, "uniform")

    np.testing.assert_array_equal(space.draw(9, 2)[:3], space.draw(3, 2))
    assert np.abs(space.draw(3, 2) - space.draw(3, 1)).min() > 0


def test_a_step_has_the_same_vectors_wherever_training_began():
    steps = list(batches()(0).take(4).as_numpy_iterator())

    np.testing.assert_array_equal(steps[3]["latent"], first(batches()(3))["latent"])
    assert np.abs(steps[2]["latent"] - steps[3]["latent"]).min() > 0


def test_a_replica_gets_its_rows_of_the_one_batch():
    whole, part = (
        first(batches(classes=4)(7)),
        first(batches(classes=4)(7, range(2, 5))),
    )

    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name][2:5], err_msg=name)


def test_both_updates_have_vectors_of_their_own():
    batch = first(batches()(0))

    assert np.abs(batch["latent"] - batch["latent_again"]).min() > 0
    assert set(batch) == {"label", "latent", "latent_again", "mix"}


def test_labels_are_drawn_from_all_classes_or_are_those_of_the_batch():
    many = batches(classes=4)(0).take(50).as_numpy_iterator()
    drawn = np.concatenate([batch["fake_label"] for batch in many])
    assert set(drawn) == {0, 1, 2, 3}

    batch = first(batches(classes=3, real_labels=True)(0))
    np.testing.assert_array_equal(batch["fake_label"], batch["label"])
    np.testing.assert_array_equal(batch["fake_label_again"], batch["label"])


def test_an_unknown_distribution_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"latent distribution: .* 'normal'"):
        LatentSpace(3, "nrmal")
