"""Our metrics of sets give the numbers of torch-fidelity and clean-fid.

On the same features: how pictures are resized and which network is used is another
matter. Needs the extra `parity`; all tests are skipped without it.
"""

import numpy as np
import pytest

from cai_keras.metrics.class_score import class_score
from cai_keras.metrics.feature_moments import FeatureMoments
from cai_keras.metrics.frechet_distance import frechet_distance
from cai_keras.metrics.kernel_distance import squared_mmd
from cai_keras.metrics.precision_recall import precision_recall

# (examples of either set, width): many, and fewer than the width.
SIZES = [(1500, 1200, 64), (400, 400, 128), (90, 80, 256)]


def needed(module):
    return pytest.importorskip(
        module,
        reason=f"{module} is missing: pip install 'cai-keras[parity]'",
        exc_type=ImportError,
    )


@pytest.fixture(scope="module")
def fidelity():
    needed("torch_fidelity")
    return lambda name: needed(f"torch_fidelity.metric_{name}")


@pytest.fixture(scope="module")
def clean():
    return needed("cleanfid.fid")


@pytest.fixture(scope="module")
def tensor():
    return needed("torch").from_numpy


@pytest.fixture
def report(record_property):
    """Keeps both numbers in the JUnit file, and prints them with `pytest -s`."""

    def compare(name, ours, theirs):
        record_property(name, (ours, theirs))
        difference = abs(ours - theirs) / max(1.0, abs(theirs))
        print(f"\n{name}: {ours:.12g} and {theirs:.12g}, difference {difference:.1e}")
        return difference

    return compare


def features(n, m, d):
    """As of a network's last layer: not below 0, correlated, two unlike sets."""
    rng = np.random.default_rng(d)
    mix = rng.standard_normal((d, d)) / np.sqrt(d)
    first = np.maximum(0, rng.standard_normal((n, d)) @ mix + 0.3)
    second = np.maximum(0, 1.1 * rng.standard_normal((m, d)) @ mix + 0.2)
    return first, second


@pytest.mark.parametrize("sizes", SIZES)
def test_the_frechet_distance_is_that_of_torch_fidelity(
    sizes, fidelity, tensor, report
):
    first, second = features(*sizes)
    theirs = fidelity("fid")

    found = frechet_distance(FeatureMoments.of(first), FeatureMoments.of(second))

    expected = theirs.fid_statistics_to_metric(
        theirs.fid_features_to_statistics(tensor(first)),
        theirs.fid_features_to_statistics(tensor(second)),
        verbose=False,
    )["frechet_inception_distance"]
    # Where the covariances are singular they take roots of rounded zeros, of 1e-16.
    assert report("fid", found, expected) < 1e-6


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_the_frechet_distance_is_that_of_clean_fid(sizes, clean, report):
    first, second = features(*sizes)
    one, other = FeatureMoments.of(first), FeatureMoments.of(second)

    found = frechet_distance(one, other)

    expected = clean.frechet_distance(
        first.mean(axis=0), np.cov(first.T), second.mean(axis=0), np.cov(second.T)
    )
    assert report("fid", found, expected) < 1e-6


@pytest.mark.parametrize("sizes", SIZES)
def test_the_kernel_distance_of_the_same_subsets_is_that_of_torch_fidelity(
    sizes, fidelity, tensor, report
):
    n, m, _ = sizes
    first, second = features(*sizes)
    # They draw with NumPy's old generator, the first set before the second one.
    rng = np.random.RandomState(7)
    subsets = [
        (rng.choice(n, 50, replace=False), rng.choice(m, 50, replace=False))
        for _ in range(10)
    ]

    found = [squared_mmd(first[a], second[b]) for a, b in subsets]

    expected = fidelity("kid").kid_features_to_metric(
        tensor(first),
        tensor(second),
        kid_subsets=10,
        kid_subset_size=50,
        rng_seed=7,
        verbose=False,
    )
    mean = expected["kernel_inception_distance_mean"]
    deviation = expected["kernel_inception_distance_std"]
    assert report("kid mean", np.mean(found), mean) < 1e-6
    assert report("kid deviation", np.std(found), deviation) < 1e-6


@pytest.mark.parametrize("sizes", [(400, 400, 128), (80, 80, 256)])
def test_the_kernel_distance_of_whole_sets_is_that_of_clean_fid(sizes, clean, report):
    # A subset of all members is the set: what they draw does not matter.
    first, second = features(*sizes)

    found = squared_mmd(first, second)

    expected = clean.kernel_distance(first, second, num_subsets=1, max_subset_size=400)
    assert report("kid", found, expected) < 1e-6


@pytest.mark.parametrize(("rows", "classes", "splits"), [(1000, 10, 10), (300, 100, 1)])
def test_the_class_score_is_that_of_torch_fidelity(
    rows, classes, splits, fidelity, tensor, report
):
    logits = 4 * np.random.default_rng(0).standard_normal((rows, classes))
    weights = np.exp(logits)

    found = class_score(weights / weights.sum(axis=1, keepdims=True), splits)

    expected = fidelity("isc").isc_features_to_metric(
        tensor(logits), splits=splits, shuffle=False
    )
    mean = expected["inception_score_mean"]
    deviation = expected["inception_score_std"]
    assert report("isc mean", found.mean, mean) < 1e-6
    assert report("isc deviation", found.deviation, deviation) < 1e-6


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("neighbours", [3, 5])
def test_precision_and_recall_are_those_of_torch_fidelity(
    sizes, neighbours, fidelity, tensor, report
):
    real, fake = features(*sizes)

    found = precision_recall(real, fake, neighbours)

    expected = fidelity("prc").prc_features_to_metric(
        tensor(fake), tensor(real), prc_neighborhood=neighbours, verbose=False
    )
    # They average shares in single precision: 6e-8.
    assert report("precision", found.precision, expected["precision"]) < 1e-6
    assert report("recall", found.recall, expected["recall"]) < 1e-6
    assert 0 < found.precision < 1
