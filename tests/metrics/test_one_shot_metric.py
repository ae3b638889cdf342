"""Counting right answers with ties."""

import numpy as np
import pytest

from cai_keras.metrics.one_shot import count_correct


def rng(seed=0):
    return np.random.default_rng(seed)


def test_perfect_scores_count_every_item():
    assert count_correct(np.eye(5), np.arange(5), rng()) == 5


def test_known_wrong_answers_are_not_counted():
    scores = [[3, 1, 2], [1, 2, 3], [0, 5, 0], [-1, -2, -3]]
    # Largest: 0, 2, 1, 0. Right answers 0, 0, 1, 2: the first and the third.
    assert count_correct(np.array(scores), np.array([0, 0, 1, 2]), rng()) == 2


def test_a_constant_scorer_gets_one_in_ways_wherever_the_answer_stands():
    # 20 items, 5 ways, 500 seeds: mean 4, standard deviation of the mean
    # sqrt(20 * 0.2 * 0.8 / 500) = 0.08. Five of them are 0.4.
    for answers in (np.zeros(20, int), np.full(20, 4)):
        counts = [count_correct(np.ones((20, 5)), answers, rng(s)) for s in range(500)]
        assert abs(np.mean(counts) - 4) < 0.4


def test_a_tie_is_broken_only_among_the_best():
    # The best two tie, the right one is among them: half of 1000, sd 15.8.
    scores = np.tile([1.0, 7.0, 7.0, 2.0], (1000, 1))
    assert abs(count_correct(scores, np.full(1000, 2), rng()) - 500) < 80
    assert count_correct(scores, np.full(1000, 3), rng()) == 0


def test_the_same_generator_gives_the_same_count():
    scores, answers = np.ones((50, 4)), np.zeros(50, int)
    assert count_correct(scores, answers, rng(3)) == count_correct(
        scores, answers, rng(3)
    )


@pytest.mark.parametrize("worst", [-np.inf, -1e300])
def test_minus_infinity_is_a_score(worst):
    assert count_correct(np.array([[worst, 0.0]]), np.array([1]), rng()) == 1


def test_a_nan_score_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        count_correct(np.array([[0.0, np.nan]]), np.array([0]), rng())


@pytest.mark.parametrize(
    ("scores", "answers"), [((3,), (3,)), ((3, 2), (2,)), ((3, 2), (3, 1))]
)
def test_shapes_that_do_not_fit_are_refused(scores, answers):
    with pytest.raises(ValueError, match="expected scores"):
        count_correct(np.zeros(scores), np.zeros(answers, int), rng())


def test_no_items_give_no_correct_ones():
    assert count_correct(np.zeros((0, 5)), np.zeros(0, int), rng()) == 0
