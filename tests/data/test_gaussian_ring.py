"""Points around a ring of Gaussians."""

import itertools

import numpy as np

from cai_keras.data.gaussian_ring import GaussianRing

RING = GaussianRing(modes=4, radius=2.0, deviation=0.05)


def take(batches, count, first=0, rows=None):
    return list(itertools.islice(batches(first, rows).as_numpy_iterator(), count))


def test_centres_lie_on_the_circle_against_the_clock():
    np.testing.assert_allclose(
        RING.centres, [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-6
    )


def test_points_lie_about_the_centre_of_their_label():
    (batch,) = take(RING.batches(4000, seed=0), 1)

    steps = batch["image"] - RING.centres[batch["label"]]
    # The deviation of an estimate from n = 8000 numbers is 1 / sqrt(16000) = 0.8 %.
    np.testing.assert_allclose(steps.std(), 0.05, rtol=0.04)
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=0.004)
    # 1000 of each; the deviation is sqrt(4000 x 1/4 x 3/4) = 27.
    assert np.all(np.abs(np.bincount(batch["label"]) - 1000) < 140)


def test_a_step_is_the_same_from_any_start_and_in_any_part():
    batches = RING.batches(6, seed=1)

    expected = take(batches, 3)[2]
    (whole,) = take(batches, 1, first=2)
    (part,) = take(batches, 1, first=2, rows=range(2, 5))

    for name, values in expected.items():
        np.testing.assert_array_equal(whole[name], values)
        np.testing.assert_array_equal(part[name], values[2:5])


def test_steps_and_seeds_differ():
    first, second = take(RING.batches(6, seed=1), 2)
    (other,) = take(RING.batches(6, seed=2), 1)

    assert not np.array_equal(first["image"], second["image"])
    assert not np.array_equal(first["image"], other["image"])


def test_drawn_points_are_of_all_modes():
    points = RING.draw(400, seed=0)

    distances = np.linalg.norm(points[:, None] - RING.centres, axis=2)
    assert points.dtype == np.float32
    # Six deviations: one point of 60 million lies farther away.
    assert distances.min(axis=1).max() < 6 * 0.05
    assert np.bincount(distances.argmin(axis=1), minlength=4).min() > 50
