"""Searches over pixels: known minima, counts, starts, and from coarse to fine."""

import numpy as np
import pytest

from cai_keras.errors import RunError, UsageError
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.stylization.minimisation import (
    Minimiser,
    minimise_picture,
    stage_sizes,
    start_picture,
    stylise,
)
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
)

GOAL = np.linspace(0.1, 0.9, 4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)
START = np.zeros((4, 5, 3), np.float32)
WEIGHTS = {"distance": 2.0}


def squared_distance(picture):
    """Terms unweighted, the gradient of the weighted sum."""
    step = picture - GOAL
    return {"distance": float((step**2).sum())}, 2 * 2.0 * step


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


# One search.


def test_lbfgs_finds_the_minimum_of_a_square_in_a_few_evaluations():
    found = minimise_picture(squared_distance, WEIGHTS, START, Minimiser("lbfgs", 10))

    np.testing.assert_allclose(found, GOAL, atol=1e-4)
    assert found.dtype == np.float32


def test_adams_first_step_is_its_rate_along_the_sign_of_the_slope():
    found = minimise_picture(
        squared_distance, WEIGHTS, START, Minimiser("adam", 1, learning_rate=0.02)
    )

    # Every slope is negative, and Adam's first step has the size of the rate.
    np.testing.assert_allclose(found, 0.02, rtol=1e-4)


def test_adam_comes_near():
    minimiser = Minimiser("adam", 200, learning_rate=0.05)

    found = minimise_picture(squared_distance, WEIGHTS, START, minimiser)

    np.testing.assert_allclose(found, GOAL, atol=0.02)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_every_evaluation_is_counted_and_shown(name):
    def crooked(picture):
        # Its minimum is far: no search ends early.
        return {"distance": float((picture**4).sum())}, 2.0 * 4 * picture**3

    seen = []
    minimise_picture(
        crooked, WEIGHTS, START + 1, Minimiser(name, 7),
        lambda number, terms, picture: seen.append((number, terms, picture.copy())),
    )  # fmt: skip

    assert [number for number, _, _ in seen] == list(range(1, 8))
    np.testing.assert_array_equal(seen[0][2], START + 1)
    for _, terms, picture in seen:
        assert terms["distance"] == pytest.approx((picture**4).sum(), rel=1e-5)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
def test_a_watcher_may_end_the_search(name):
    class EnoughError(Exception):
        pass

    def watch(number, terms, picture):
        if number == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        minimise_picture(squared_distance, WEIGHTS, START, Minimiser(name, 9), watch)


@pytest.mark.parametrize("name", ["lbfgs", "adam"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_objective_that_is_not_finite_ends_the_search_with_its_place(name, value):
    calls = []

    def broken(picture):
        calls.append(picture)
        terms, gradient = squared_distance(picture)
        return ({"distance": value} if len(calls) == 2 else terms), gradient

    with pytest.raises(RunError, match="at evaluation 2"):
        minimise_picture(broken, WEIGHTS, START, Minimiser(name, 9))


def test_an_unknown_minimiser_or_start_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'lbfgs'"):
        Minimiser("lbgfs", 5)
    with pytest.raises(UsageError, match="did you mean 'content'"):
        start_picture("contents", START, START, 0)


# Starts.


def test_noise_is_uniform_and_fixed_by_the_seed():
    content = np.zeros((60, 50, 3), np.float32)

    one, again, other = (
        start_picture("noise", content, GOAL, seed) for seed in (3, 3, 4)
    )

    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.2
    # Of a uniform number the mean is 1/2, the variance 1/12; 9000 of them.
    assert one.mean() == pytest.approx(0.5, abs=0.02)
    assert one.var() == pytest.approx(1 / 12, abs=0.005)


def test_the_content_is_copied_and_the_style_made_as_large_as_it():
    content = noise(6, 8, 3)

    begin = start_picture("content", content, GOAL, 0)
    begin += 1

    assert content.max() <= 1
    styled = start_picture("style", content, np.full((3, 9, 3), 0.4, np.float32), 0)
    np.testing.assert_allclose(styled, np.full((6, 8, 3), 0.4), atol=1e-6)


# From coarse to fine.


@pytest.mark.parametrize(
    ("size", "smallest", "expected"),
    [
        ((100, 200), 256, [(100, 200)]),
        ((384, 512), 256, [(192, 256), (384, 512)]),
        ((384, 513), 256, [(96, 129), (192, 257), (384, 513)]),
        ((5, 33), 16, [(2, 9), (3, 17), (5, 33)]),
    ],
)
def test_each_size_is_half_of_the_next_rounded_up(size, smallest, expected):
    assert stage_sizes(*size, smallest) == expected


@pytest.fixture(scope="module")
def objective():
    settings = ObjectiveSettings(
        LayerTerm(0.01, ("conv2_1",), "johnson"),
        LayerTerm(1.0, ("conv1_1", "conv2_1"), "gatys"),
    )
    return PerceptualObjective(load_feature_network("random_vgg"), settings)


def test_stages_share_out_their_evaluations_and_lower_the_objective(objective):
    content, style = noise(40, 50, 3), 0.3 * noise(30, 30, 3, seed=1)
    seen = []

    def watch(done, total, terms, picture):
        seen.append((done, total, objective.total(terms), picture.shape))

    found = stylise(
        objective, content, style, Minimiser("lbfgs", 6), smallest_side=25, watch=watch
    )

    # Longer sides 25 and 50: six evaluations, and half as many.
    assert [done for done, *_ in seen] == list(range(1, 10))
    assert {total for _, total, *_ in seen} == {9}
    assert [shape for *_, shape in seen] == [(20, 25, 3)] * 6 + [(40, 50, 3)] * 3
    assert seen[5][2] < seen[0][2]
    assert found.shape == content.shape
    assert found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1


def test_the_finest_stage_starts_at_the_coarser_ones_picture(objective):
    content, style = noise(32, 32, 3), 0.2 * noise(32, 32, 3, seed=1)
    coarse_to_fine, fine_alone = [], []

    for smallest, seen in ((16, coarse_to_fine), (32, fine_alone)):
        stylise(
            objective, content, style, Minimiser("lbfgs", 8), start="noise",
            smallest_side=smallest,
            watch=lambda done, total, terms, picture, seen=seen: seen.append(
                (picture.shape, objective.total(terms))
            ),
        )  # fmt: skip

    first_fine = next(value for shape, value in coarse_to_fine if shape == (32, 32, 3))
    assert first_fine < fine_alone[0][1]


def test_tiles_change_nothing_that_one_could_see(objective):
    content, style = noise(48, 64, 3), 0.3 * noise(40, 64, 3, seed=1)

    whole, tiled = (
        stylise(objective, content, style, Minimiser("adam", 3), tile_side=side)
        for side in (64, 32)
    )

    np.testing.assert_allclose(tiled, whole, atol=1 / 255)
