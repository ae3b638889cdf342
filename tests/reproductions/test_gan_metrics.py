"""gan_metrics: disturbances by hand, floors of known clouds, judges as files."""

from types import SimpleNamespace

import numpy as np
import pytest

from cai_keras.cli import main as command_line
from cai_keras.data.classification import LabelledImages
from cai_keras.errors import UsageError
from cai_keras.generation.extractors import FeatureExtractor, load_extractor
from reproductions.gan_metrics.disturbances import (
    DISTURBANCES,
    add_noise,
    blur,
    cover,
    salt_and_pepper,
    twist,
)
from reproductions.gan_metrics.evaluate import (
    DisturbanceEvaluation,
    FloorEvaluation,
    Halves,
)

SETTINGS = SimpleNamespace(sizes=[20, 200], noise=0.5, batch_size=50)


def pictures(count=8, side=16, seed=0):
    return np.random.default_rng(seed).random((count, side, side, 3)).astype("float32")


def rng(seed=0):
    return np.random.default_rng(seed)


def pixels(picture_set):
    """Two features: the first two pixels' red."""
    return picture_set.reshape(len(picture_set), -1)[:, [0, 3]] / 255, None


EXTRACTOR = FeatureExtractor("pixels", "ab" * 32, "none", 2, None, 3, pixels)


def halves(count=400):
    labels = np.arange(count) % 4
    images = LabelledImages((255 * pictures(count, 8)).astype("uint8"), labels)
    return Halves.of(images, count // 2, seed=0)


# Disturbances.


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbance_spoils_more_with_its_level_and_keeps_shape_and_range(name):
    spoil, levels = DISTURBANCES[name]
    clean = pictures(count=16, side=32)
    # Smooth pictures: there is something left to blur and to turn.
    clean = blur(clean, 4.0, rng())

    errors = []
    for level in levels:
        found = spoil(clean, level, rng())
        assert found.shape == clean.shape
        assert found.dtype == np.float32
        assert 0 <= found.min() <= found.max() <= 1
        errors.append(np.square(found - clean).mean())

    assert len(levels) == 3
    assert 0 < errors[0] < errors[1] < errors[2]


def test_no_share_of_noise_leaves_the_picture_and_all_of_it_nothing():
    clean = pictures()

    np.testing.assert_array_equal(add_noise(clean, 0.0, rng()), clean)
    gone = add_noise(clean, 1.0, rng())
    # N(0.5, 0.25), clipped; 6,144 numbers.
    assert gone.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(gone, add_noise(pictures(seed=5), 1.0, rng()))


def test_rectangles_are_black_and_as_large_as_asked():
    white = np.ones((3, 16, 16, 3), "float32")

    found = cover(white, 0.25, rng())

    # Five squares of 4 x 4 that may overlap.
    black = (found == 0).all(axis=-1).sum(axis=(1, 2))
    assert ((black >= 16) & (black <= 5 * 16)).all()
    assert cover(white, 1.0, rng()).max() == 0


def test_salt_and_pepper_change_as_many_pixels_as_asked_in_all_channels():
    grey = np.full((4, 50, 50, 3), 0.5, "float32")

    found = salt_and_pepper(grey, 0.2, rng())

    changed = found != 0.5
    # 10,000 pixels: four standard errors are 0.016.
    assert changed.mean() == pytest.approx(0.2, abs=0.016)
    np.testing.assert_array_equal(changed.all(axis=-1), changed.any(axis=-1))
    assert set(np.unique(found)) == {0.0, 0.5, 1.0}


def test_a_swirl_leaves_the_corners():
    clean = blur(pictures(count=1, side=32), 6.0, rng())

    found = twist(clean, 4.0, rng())

    np.testing.assert_allclose(found[0, 0, 0], clean[0, 0, 0], atol=0.02)
    assert np.abs(found[0, 12:20, 12:20] - clean[0, 12:20, 12:20]).max() > 0.02


# Floors.


def test_halves_have_no_picture_in_common():
    images = np.arange(40, dtype="uint8").reshape(40, 1, 1, 1)
    found = Halves.of(LabelledImages(images, np.arange(40)), 15, seed=3)

    first, second = (
        set(np.round(half * 255).astype(int).ravel())
        for half in (found.first, found.second)
    )
    assert len(first) == len(second) == 15
    assert not first & second
    np.testing.assert_array_equal(np.round(found.second * 255).ravel(), found.labels)


def test_too_few_pictures_are_refused():
    images = LabelledImages(np.zeros((9, 4, 4, 1), "uint8"), np.zeros(9, int))

    with pytest.raises(UsageError, match=r"two sets of 5 pictures .* has 9"):
        Halves.of(images, 5, seed=0)


def test_the_frechet_floor_falls_with_the_number_and_the_kernels_has_no_sign():
    evaluation = FloorEvaluation(EXTRACTOR, halves(), SETTINGS, seed=0)

    found = evaluation.measure()

    assert found["fid_of_20"].count == 20
    few, many = (found[f"log10_fid_{n}_pictures"].value for n in ("fewest", "most"))
    assert few == pytest.approx(np.log10(found["fid_of_20"].value))
    assert many < few
    assert found["fid_of_200"].passport["features"] == "pixels"
    # Half of a noisy picture is noise: far from the others, so a small share.
    assert 0 < found["fid_share_of_disturbed"].value < 1


def test_half_of_the_classes_are_those_with_the_lower_labels_a_quarter_of_the_set():
    given = halves()
    evaluation = FloorEvaluation(EXTRACTOR, given, SETTINGS, seed=0)
    # Of labels 0 to 3 the higher ones are made white, far from all others.
    given.second[given.labels >= 2] = 1.0

    found = evaluation.measure()

    assert found["recall_half_of_classes"].count == 50
    assert found["precision_half_of_classes"].value > 0.8
    assert found["precision_most_pictures"].value < 0.7
    assert found["precision_most_pictures"].count == 200


# Disturbed sets.


def test_distances_are_of_undisturbed_pictures_first_and_then_by_level():
    evaluation = DisturbanceEvaluation(EXTRACTOR, halves(), SETTINGS, seed=0)

    found = evaluation.measure()

    undisturbed = {values[0] for values in evaluation.distances.values()}
    assert len(undisturbed) == 1
    assert all(len(values) == 4 for values in evaluation.distances.values())
    assert found["log10_fid_undisturbed"].value == pytest.approx(
        np.log10(undisturbed.pop())
    )
    least = min(values[1] for values in evaluation.distances.values())
    assert found["log10_fid_mildest"].value == pytest.approx(np.log10(least))
    assert -1 <= found["fid_least_rank_correlation"].value <= 1


# Judges.


@pytest.fixture
def cai(monkeypatch, capsys):
    """Function from arguments to exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["cai", *map(str, arguments)])
        try:
            command_line.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


def test_a_trained_judge_is_exported_and_a_bad_one_is_refused(cai, tmp_path):
    trained = ("--scale", "smoke", "--variant", "judge", "--output", tmp_path / "runs")
    assert cai("train", "gan_metrics", *trained)[0] == 0
    run = tmp_path / "runs" / "gan_metrics" / "smoke" / "judge" / "seed0"
    file = tmp_path / "judge.npz"

    code, _, errors = cai(
        "gan_metrics", "export", run, "--output", file, "--at-most", 1
    )
    assert code == 3
    assert "expected at most 1 %" in errors
    assert not file.exists()

    code, out, _ = cai("gan_metrics", "export", run, "--output", file, "--at-most", 100)
    assert code == 0
    assert "judge.npz: " in out
    extractor = load_extractor(f"classifier:{file}")
    features, probabilities = extractor(np.zeros((3, 8, 8, 1), "float32"))
    assert features.shape == (3, 64)
    assert probabilities.shape == (3, 10)


def test_only_a_judge_is_exported(cai, tmp_path):
    trained = ("--scale", "smoke", "--variant", "floors", "--output", tmp_path / "runs")
    assert cai("train", "gan_metrics", *trained)[0] == 0
    run = tmp_path / "runs" / "gan_metrics" / "smoke" / "floors" / "seed0"

    code, _, errors = cai(
        "gan_metrics", "export", run, "--output", "x.npz", "--at-most", 9
    )

    assert code == 2
    assert "variant judge; found one of gan_metrics, variant floors" in errors
