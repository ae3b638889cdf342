"""Omniglot itself: the published sizes, and baselines that are known exactly."""

import numpy as np
import pytest

from cai_keras.data.builders.omniglot_one_shot import OmniglotOneShot
from cai_keras.data.source import open_folder
from cai_keras.metrics.one_shot import count_correct
from reproductions.siamese_one_shot import data, evaluate

pytestmark = pytest.mark.real_data

# Percent wrong in Lake's runs 1..20 (omniglot, demo_classification.py): mean 38.75.
HAUSDORFF_ERRORS = [
    45, 35, 40, 25, 30, 15, 60, 35, 40, 55, 15, 70, 65, 35, 15, 25, 30, 40, 70, 30
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(real_data):
    return data.read_runs(open_folder(OmniglotOneShot, real_data / "omniglot"), 105)


@pytest.fixture(scope="module")
def small_omniglot(real_data):
    """The whole set at 15 x 15 pixels."""
    return data.load(f"folder:{real_data / 'omniglot'}", 15, 3)


def test_hausdorff_makes_the_published_errors_in_every_run(runs):
    scorer = evaluate.HausdorffScorer()
    rng = np.random.default_rng(0)

    errors = [
        5 * (20 - count_correct(scorer.one_shot(items, classes), answers, rng))
        for items, classes, answers in zip(
            runs.items, runs.classes, runs.answers, strict=True
        )
    ]

    assert errors == HAUSDORFF_ERRORS
    assert np.mean(errors) == 38.75


def test_nearest_pixels_are_right_in_19_percent(runs):
    metric = evaluate.one_shot_accuracy(evaluate.PixelScorer(), runs, 0)

    assert metric.value == pytest.approx(19.0)
    assert metric.count == 400


def test_the_background_is_964_characters_of_30_alphabets(small_omniglot):
    train, validation = small_omniglot.train, small_omniglot.validation

    assert len(train.names) + len(validation.names) == 30
    assert len(train.images) + len(validation.images) == 964
    assert set(train.names).isdisjoint(validation.names)
    # 964 * 20 = 19,280 drawings, every one with ink.
    drawn = np.concatenate([train.flat, validation.flat])
    assert len(drawn) == 19_280
    assert (drawn.max(axis=(1, 2)) > 0).all()


def test_the_evaluation_set_is_the_ten_alphabets_of_the_runs(small_omniglot):
    test = small_omniglot.test

    assert len(test.names) == 10
    assert len(test.images) == 382
    assert set(test.names).isdisjoint(small_omniglot.train.names)


def test_the_whole_set_is_named_omniglot(small_omniglot):
    assert small_omniglot.info.name == "omniglot"
    assert small_omniglot.info.examples["one_shot_trials"] == 400


def test_the_doctor_finds_nothing_wrong(real_data):
    assert data.problems_of(f"folder:{real_data / 'omniglot'}") == []
