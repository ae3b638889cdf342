"""Log-likelihoods by the formula of the Gaussian, by hand and by two libraries."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde, multivariate_normal
from sklearn.neighbors import KernelDensity

from cai_keras.metrics import parzen as module
from cai_keras.metrics.parzen import choose_deviation, parzen_log_likelihoods


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_one_sample_gives_the_density_of_its_gaussian():
    found = parzen_log_likelihoods(np.array([[1.0, 2.0]]), np.array([[4.0, 6.0]]), 5)

    # Squared distance 9 + 16: -25 / (2 * 25) - log(2 pi 25), as d / 2 = 1.
    assert found.shape == (1,)
    assert found[0] == pytest.approx(-0.5 - np.log(50 * np.pi))


def test_two_samples_by_hand():
    found = parzen_log_likelihoods(np.array([[0.0], [2.0]]), np.array([[0.0]]), 1)

    # (1 + exp(-4 / 2)) / 2 of the density at the centre, 1 / sqrt(2 pi).
    expected = np.log((1 + np.exp(-2)) / 2 / np.sqrt(2 * np.pi))
    assert found[0] == pytest.approx(expected)


def test_each_example_has_its_own_likelihood_in_order():
    samples, data = noise(3, 2), noise(4, 2, seed=1)

    found = parzen_log_likelihoods(samples, data, 0.7)

    for value, example in zip(found, data, strict=True):
        densities = [multivariate_normal(s, 0.49).pdf(example) for s in samples]
        assert value == pytest.approx(np.log(np.mean(densities)))


def test_on_a_line_it_is_scipys_density_with_the_same_bandwidth():
    samples, data = noise(50, 1), noise(20, 1, seed=1)

    found = parzen_log_likelihoods(samples, data, 0.3)

    # SciPy's bandwidth is in deviations of the samples.
    kde = gaussian_kde(samples.T, bw_method=0.3 / samples.std(ddof=1))
    np.testing.assert_allclose(found, kde.logpdf(data.T), rtol=1e-10)


def test_in_space_it_is_scikit_learns_density():
    samples, data = noise(60, 20) + 50, 2 * noise(30, 20, seed=1) + 50

    found = parzen_log_likelihoods(samples, data, 0.5)

    kde = KernelDensity(bandwidth=0.5, rtol=1e-12).fit(samples)
    np.testing.assert_allclose(found, kde.score_samples(data), rtol=1e-9)


def test_a_likelihood_too_small_for_a_density_is_a_number():
    found = parzen_log_likelihoods(np.zeros((2, 784)), np.ones((1, 784)), 0.1)

    # -784 / (2 * 0.01) = -39200, exp of which is 0 in double precision.
    expected = -39_200 - 392 * np.log(2 * np.pi * 0.01)
    assert found[0] == pytest.approx(expected)


def test_blocks_of_examples_make_no_difference(monkeypatch):
    samples, data = noise(40, 3), noise(70, 3, seed=1)
    whole = parzen_log_likelihoods(samples, data, 0.4)

    # 0.005 MiB are 16 rows of 40 numbers.
    monkeypatch.setattr(module, "_BLOCK_MEBIBYTES", 0.005)

    np.testing.assert_allclose(parzen_log_likelihoods(samples, data, 0.4), whole)


def test_single_precision_pictures_are_worked_out_in_double():
    samples, data = noise(9, 50).astype("float32"), noise(7, 50, seed=1)

    found = parzen_log_likelihoods(samples, data.astype("float32"), 0.2)

    assert found.dtype == "float64"
    expected = parzen_log_likelihoods(samples.astype(float), data, 0.2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_best_deviation_of_one_sample_is_the_validation_sets_own():
    # Two examples at distance 3 from the sample, d = 1: the largest density is at
    # deviation 3, where log s + 9 / (2 s^2) is smallest.
    samples, validation = np.array([[0.0]]), np.array([[3.0], [-3.0]])

    found = choose_deviation(samples, validation, [1, 2, 2.9, 3, 3.1, 10])

    assert found == 3.0
    assert type(found) is float


def test_the_chosen_deviation_has_the_largest_mean_likelihood():
    samples, validation = noise(50, 4), noise(30, 4, seed=1)
    candidates = np.logspace(-1, 0, 10)

    found = choose_deviation(samples, validation, candidates)

    means = [parzen_log_likelihoods(samples, validation, c).mean() for c in candidates]
    assert found == candidates[np.argmax(means)]
    assert found not in (candidates[0], candidates[-1])


def test_the_first_of_equally_good_candidates_is_taken_in_any_order():
    samples, validation = np.array([[0.0]]), np.array([[3.0]])

    assert choose_deviation(samples, validation, [10, 3, 1, 3]) == 3


@pytest.mark.parametrize("deviation", [0, -1, np.nan, np.inf])
def test_a_deviation_that_is_not_above_0_is_refused(deviation):
    points = noise(3, 2)
    with pytest.raises(ValueError, match="deviation: expected above 0, received"):
        parzen_log_likelihoods(points, points, deviation)
    with pytest.raises(ValueError, match="candidates: expected above 0, received"):
        choose_deviation(points, points, [1, deviation])


def test_no_candidate_no_example_and_two_widths_are_refused():
    points = noise(3, 2)
    with pytest.raises(ValueError, match="candidates: expected 1 or more"):
        choose_deviation(points, points, [])
    with pytest.raises(ValueError, match="validation: expected 1 or more examples"):
        choose_deviation(points, noise(0, 2), [1])
    with pytest.raises(ValueError, match="samples: expected 1 or more examples"):
        parzen_log_likelihoods(noise(0, 2), points, 1)
    with pytest.raises(ValueError, match=r"samples \(3, 2\) and data \(3, 5\)"):
        parzen_log_likelihoods(points, noise(3, 5), 1)
