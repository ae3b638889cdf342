"""One-shot and verification accuracy with scorers whose result is known by hand."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from cai_keras.cli.papers import find_paper
from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.siamese_one_shot import data, evaluate, figures
from reproductions.siamese_one_shot.model import build_siamese


@pytest.fixture(scope="module")
def runs():
    """20 runs; item i and its class have the grey level 10 * class + 1 everywhere."""
    answers = np.stack([np.random.default_rng(r).permutation(20) for r in range(20)])
    classes = np.tile(np.arange(20) * 10 + 1, (20, 1))
    items = np.take_along_axis(classes, answers, axis=1)

    def paint(levels):
        pictures = np.zeros((20, 20, 6, 6), np.uint8)
        pictures[:] = levels[..., None, None]
        return pictures

    return data.OneShotRuns(paint(items), paint(classes), answers)


@pytest.fixture
def drawings():
    """Three characters of one alphabet; every pixel is 50 * (character + 1)."""
    images = np.zeros((3, 20, 6, 6), np.uint8)
    images[:] = (50 * np.arange(1, 4))[:, None, None, None]
    return data.Drawings(images, np.zeros(3, int), ("a",))


class ByScore:
    """A scorer from functions of the first pixels."""

    def __init__(self, one_shot=None, pairs=None):
        self._one_shot, self._pairs = one_shot, pairs

    def one_shot(self, items, classes):
        a, b = items[:, 0, 0].astype(float), classes[:, 0, 0].astype(float)
        return np.broadcast_to(self._one_shot(a[:, None], b[None]), (len(a), len(b)))

    def pair_logits(self, images, pairs):
        level = images[:, 0, 0].astype(float)
        return self._pairs(level[pairs[:, 0]], level[pairs[:, 1]])


# One-shot accuracy


def test_a_perfect_scorer_gets_100_percent_of_400_trials(runs):
    metric = evaluate.one_shot_accuracy(ByScore(lambda a, b: -abs(a - b)), runs, 0)

    assert metric.value == 100.0
    assert metric.count == 400


def test_the_opposite_of_a_perfect_scorer_gets_nothing(runs):
    metric = evaluate.one_shot_accuracy(ByScore(lambda a, b: abs(a - b)), runs, 0)

    assert metric.value == 0.0


def test_a_collapsed_scorer_gets_about_one_in_twenty(runs):
    # 400 trials of 1/20: 5 percent, standard deviation 1.1; the bounds are 5 of them.
    for seed in range(3):
        metric = evaluate.one_shot_accuracy(ByScore(lambda a, b: 0.0), runs, seed)
        assert 0 < metric.value <= 10.5
        assert metric.count == 400


def test_a_collapsed_scorer_gains_nothing_from_answers_in_order(runs):
    ordered = data.OneShotRuns(
        runs.items, runs.classes, np.tile(np.arange(20), (20, 1))
    )

    metric = evaluate.one_shot_accuracy(ByScore(lambda a, b: 0.0), ordered, 0)

    assert metric.value <= 10.5


def test_a_scorer_that_always_names_the_first_class_gets_one_in_twenty(runs):
    # Exactly: each run has one item of the class with level 1.
    metric = evaluate.one_shot_accuracy(ByScore(lambda a, b: -b), runs, 0)

    assert metric.value == 5.0


def test_pixels_find_the_nearest_class():
    # Distances over 4 pixels of 0.2 and 0.4: 0.4 and 0.8 by the Euclidean norm.
    item = np.full((1, 2, 2), 51, np.uint8)
    classes = np.stack([np.full((2, 2), level, np.uint8) for level in (153, 102, 51)])

    scores = evaluate.PixelScorer().one_shot(item, classes)

    np.testing.assert_allclose(scores, [[-0.8, -0.4, 0.0]], atol=1e-12)


def test_pixels_are_right_about_all_flat_pictures(runs):
    metric = evaluate.one_shot_accuracy(evaluate.PixelScorer(), runs, 0)

    assert metric.value == 100.0


def test_hausdorff_finds_the_same_shape_wherever_it_is():
    row, column, dots = (np.zeros((9, 9), np.uint8) for _ in range(3))
    row[1, 1:8] = column[1:8, 5] = 255
    dots[::4, ::4] = 255
    moved = np.roll(row, 5, axis=0)

    scores = evaluate.HausdorffScorer().one_shot(
        moved[None], np.stack([dots, column, row])
    )

    # Centred, the moved row is the row.
    assert scores.shape == (1, 3)
    assert scores[0, 2] == 0
    assert (scores[0, :2] < 0).all()


# Verification accuracy


def test_a_perfect_verifier_gets_100_percent(drawings):
    scorer = ByScore(pairs=lambda a, b: np.where(a == b, 1.0, -1.0))

    metric = evaluate.verification_accuracy(scorer, drawings, 200)

    assert (metric.value, metric.count) == (100.0, 200)


@pytest.mark.parametrize("logit", [1.0, -1.0])
def test_a_verifier_that_always_says_the_same_gets_half(drawings, logit):
    scorer = ByScore(pairs=lambda a, b: np.full(len(a), logit))

    assert evaluate.verification_accuracy(scorer, drawings, 200).value == 50.0


def test_a_verifier_that_misses_one_character_loses_its_same_pairs(drawings):
    def misses_the_second(a, b):
        return np.where((a == b) & (a != 100), 1.0, -1.0)

    metric = evaluate.verification_accuracy(
        ByScore(pairs=misses_the_second), drawings, 600
    )

    # Half of the pairs are same, a third of these are of the second character:
    # 100 of 600 are wrong, 83.3 percent right; 100 has standard deviation 8.2.
    assert abs(metric.value - 83.3) <= 5 * 8.2 / 6


def test_every_scorer_sees_the_same_pairs(drawings):
    seen = []

    def note(a, b):
        seen.append((a, b))
        return a

    for _ in range(2):
        evaluate.verification_accuracy(ByScore(pairs=note), drawings, 50)

    np.testing.assert_array_equal(seen[0], seen[1])


@pytest.mark.parametrize("scorer", [evaluate.PixelScorer, evaluate.HausdorffScorer])
def test_a_distance_has_no_verification_accuracy_and_says_why(drawings, scorer):
    metric = evaluate.verification_accuracy(scorer(), drawings, 50)

    assert metric.value is None
    assert "threshold" in metric.reason


# The network's scorer


@pytest.fixture(scope="module")
def network():
    recipe = find_paper("siamese_one_shot").recipe("smoke", "conv")
    return build_siamese(8, recipe.model)


def test_the_networks_scores_are_its_logits_for_all_combinations(network):
    rng = np.random.default_rng(0)
    items, classes = rng.integers(0, 256, (2, 3, 8, 8), np.uint8)

    scores = evaluate.SiameseScorer(network, True).one_shot(items, classes[:2])

    assert scores.shape == (3, 2)
    pixels = [part[..., None].astype(np.float32) / 255 for part in (items, classes)]
    for item in range(3):
        for index in range(2):
            pair = (pixels[0][item : item + 1], pixels[1][index : index + 1])
            expected = float(network(pair)[0])
            assert scores[item, index] == pytest.approx(expected, abs=1e-5)


def test_the_networks_pair_logits_are_those_of_the_pairs(network):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    pairs = np.array([[0, 1], [2, 2], [3, 0]])

    logits = evaluate.SiameseScorer(network, True).pair_logits(images, pairs)

    pixels = images[..., None].astype(np.float32) / 255
    expected = network((pixels[pairs[:, 0]], pixels[pairs[:, 1]]))
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_a_network_trained_to_match_has_no_verification_accuracy(network, drawings):
    scorer = evaluate.SiameseScorer(network, is_calibrated=False)

    metric = evaluate.verification_accuracy(scorer, drawings, 50)

    assert metric.value is None
    assert "threshold" in metric.reason


# Figures


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def finished(variant, accuracy, rule="verification", steps=(2, 4), done=4):
    """A run as the figures read it."""
    name = "one_shot_accuracy_percent"
    metric = SimpleNamespace(value=accuracy)
    table = pd.DataFrame(
        {
            "step": list(steps),
            "metric": f"validation/{name}",
            "value": [accuracy] * len(steps),
        }
    )
    recipe = {
        "model": {"learning_rule": rule},
        "data": {"batch_size": 4, "group_characters": 3},
    }
    return SimpleNamespace(
        record=SimpleNamespace(
            metrics={f"test/{name}": metric},
            variant=variant,
            scale="small",
            steps_done=done,
            dataset=SimpleNamespace(name="glyphs", stand_in=True),
        ),
        metrics=lambda: table,
        config=lambda: {"recipe": recipe},
    )


def test_the_trials_figure_has_six_items_beside_twenty_classes(runs):
    figure = figures.draw_trials(evaluate.PixelScorer(), runs, "glyphs")
    figure.canvas.draw()

    assert len(figure.axes) == 6 * 21


def test_the_trials_figure_frames_the_right_class_first_for_a_perfect_scorer(runs):
    figure = figures.draw_trials(evaluate.PixelScorer(), runs, "glyphs")

    first_answers = [figure.axes[21 * row + 1] for row in range(6)]
    colours = [axis.spines["left"].get_edgecolor() for axis in first_answers]
    green = plt.matplotlib.colors.to_rgba(figures.RIGHT)
    assert colours == [green] * 6


def test_the_filters_figure_has_an_axis_for_each_filter(network):
    figure = figures.draw_filters(network)
    figure.canvas.draw()

    assert len(figure.axes) == 2  # the smoke network's first layer
    assert "2 filters of 3 x 3" in figure.get_suptitle()


def test_the_accuracies_figure_has_a_bar_for_each_method():
    accuracies = [("conv", 60.0), ("conv", 70.0), ("pixels", 20.0)]

    figure = figures.draw_accuracies([finished(*each) for each in accuracies])
    figure.canvas.draw()

    (axis,) = figure.axes
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert len(axis.patches) == len(figures.PUBLISHED) + 2
    # Ours stand last, in order of the mean over seeds.
    assert labels[-2:] == ["pixels", "conv"]
    assert axis.patches[-1].get_width() == 65.0


def test_the_accuracies_figure_says_that_a_stand_in_is_not_comparable():
    figure = figures.draw_accuracies([finished("conv", 60.0)])

    assert "not comparable" in figure.axes[0].get_title(loc="right")


def test_the_accuracies_figure_needs_a_measured_run():
    with pytest.raises(NothingToDraw, match="test/one_shot_accuracy_percent"):
        figures.draw_accuracies([finished("conv", None)])


@pytest.mark.parametrize(
    "run", [{"done": 0}, {"steps": ()}], ids=["without training", "never validated"]
)
def test_the_progress_figure_needs_a_curve(run):
    with pytest.raises(NothingToDraw, match="no run was validated"):
        figures.draw_progress([finished("pixels", 20.0, **run)])


def test_the_progress_figure_is_the_mean_and_range_at_steps_of_all_seeds():
    seeds = [finished("conv", 50.0), finished("conv", 60.0, steps=(4, 6))]

    (axis,) = figures.draw_progress(seeds).axes

    # Step 4 is the only one that both have: 16 pairs, (50 + 60) / 2.
    (line,) = axis.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([16], [55.0])
    (band,) = axis.collections
    assert band.get_datalim(axis.transData).intervaly.tolist() == [50.0, 60.0]


def test_the_progress_figure_counts_pairs_by_the_learning_rule():
    members = [
        finished("conv", 50.0),
        finished("conv_matching", 60.0, rule="matching"),
        finished("pixels", 20.0, steps=(), done=0),
    ]

    figure = figures.draw_progress(members)
    figure.canvas.draw()

    (axis,) = figure.axes
    lines = {line.get_label(): line.get_xdata() for line in axis.lines}
    # 4 pairs a step; matching: 4 groups of 3 characters are 12.
    assert set(lines) == {"conv", "conv_matching"}
    np.testing.assert_array_equal(lines["conv"], [8, 16])
    np.testing.assert_array_equal(lines["conv_matching"], [24, 48])
