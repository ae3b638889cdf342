"""The published affinities and win rates, which are no part of the project."""

import numpy as np
import pytest
from PIL import Image

from cai_keras.data.task_transfers import (
    damaged_targets,
    read_transfers,
    sums_of_targets,
)
from reproductions.taskonomy.policy import Question, inverse_self_importance, solve
from reproductions.taskonomy.similarity import affinity_matrix, task_tree

pytestmark = pytest.mark.real_data

# Affinities of 16,000 images. Budget -> objective, Quality, Gain, networks; of first
# order, and of up to four sources. First order up to a budget of 4 was confirmed by
# trying all sets of sources.
FIRST_ORDER = {
    1: (0.93666, 0.1422, 0.4527, 1), 2: (1.53251, 0.1718, 0.5262, 2),
    3: (1.79687, 0.2898, 0.7097, 3), 4: (1.99972, 0.3116, 0.7546, 4),
    5: (2.10307, 0.3340, 0.7945, 5), 6: (2.15302, 0.3509, 0.8035, 6),
    7: (2.20081, 0.3759, 0.8234, 7), 8: (2.24720, 0.3895, 0.8262, 8),
    9: (2.29247, 0.4036, 0.8335, 9), 10: (2.33018, 0.4192, 0.8432, 10),
    11: (2.35637, 0.4328, 0.8524, 11), 12: (2.37369, 0.4465, 0.8580, 12),
    13: (2.38911, 0.4551, 0.8600, 13), 14: (2.40356, 0.4635, 0.8652, 14),
    15: (2.41626, 0.4694, 0.8701, 15), 16: (2.42640, 0.4761, 0.8735, 16),
    17: (2.43573, 0.4829, 0.8758, 17), 18: (2.44435, 0.4892, 0.8771, 18),
    19: (2.45267, 0.4959, 0.8832, 19), 20: (2.45648, 0.4992, 0.8837, 20),
    21: (2.45726, 0.5001, 0.8838, 21), 22: (2.45726, 0.5001, 0.8838, 21),
}  # fmt: skip
UP_TO_FOUR = {
    1: (0.93666, 0.1422, 0.4527, 1), 2: (1.53477, 0.1719, 0.5288, 2),
    3: (1.79913, 0.2899, 0.7123, 3), 4: (2.00146, 0.3123, 0.7561, 4),
    5: (2.10335, 0.3340, 0.7952, 5), 6: (2.17918, 0.3721, 0.8145, 6),
    7: (2.23037, 0.3975, 0.8358, 7), 8: (2.27944, 0.4130, 0.8402, 8),
    9: (2.32807, 0.4299, 0.8493, 9), 10: (2.35907, 0.4435, 0.8534, 10),
    11: (2.38853, 0.4608, 0.8601, 11), 12: (2.40531, 0.4687, 0.8660, 12),
    13: (2.42152, 0.4723, 0.8723, 13), 14: (2.43197, 0.4785, 0.8752, 14),
    15: (2.44211, 0.4853, 0.8786, 15), 16: (2.45107, 0.4917, 0.8787, 16),
    17: (2.45912, 0.4984, 0.8841, 17), 18: (2.46456, 0.5029, 0.8843, 18),
    19: (2.46980, 0.5046, 0.8869, 19), 20: (2.47041, 0.5048, 0.8869, 20),
    21: (2.47098, 0.5049, 0.8865, 21), 22: (2.47098, 0.5049, 0.8865, 21),
}  # fmt: skip


@pytest.fixture(scope="module")
def published(real_data):
    """Function from the name of a published file to its transfers."""
    folder = real_data / "taskonomy"
    if not folder.is_dir():
        pytest.skip(f"no published affinities in {folder}")
    return lambda name: read_transfers(folder / f"{name}.json")


@pytest.mark.parametrize(("order", "table"), [(1, FIRST_ORDER), (4, UP_TO_FOUR)])
def test_policies_of_all_budgets_are_the_known_ones(published, order, table):
    affinities = published("all_affinities_16k")
    quality, gain = (
        {t.key: t.value for t in published(name)}
        for name in ("wins_vs_task_16k", "wins_vs_pixels_16k")
    )

    for budget, (objective, mean_quality, mean_gain, networks) in table.items():
        found = solve(affinities, Question(budget, order))

        assert found.objective == pytest.approx(objective, abs=1e-5), budget
        assert found.mean_of(quality) == pytest.approx(mean_quality, abs=6e-5), budget
        assert found.mean_of(gain) == pytest.approx(mean_gain, abs=6e-5), budget
        assert len(found.trained) == networks, budget


def test_own_networks_weighed_alike_make_normals_the_first_source(published):
    affinities = published("all_affinities_16k")
    importance = inverse_self_importance(affinities)

    found = [
        solve(affinities, Question(n, importance=importance)) for n in (1, 2, 3, 4)
    ]

    assert found[0].trained == ("rgb2sfnorm",)
    assert found[3].trained == ("class_places", "denoise", "edge2d", "rgb2sfnorm")
    np.testing.assert_allclose(
        [policy.objective for policy in found],
        [8.16244, 9.84592, 11.07070, 12.07017],
        atol=1e-5,
    )


def test_ten_tasks_from_three_networks_keep_most_of_the_gain(published):
    tasks = (
        "class_1000", "class_places", "segmentsemantic_rb", "rgb2depth", "rgb2mist",
        "rgb2sfnorm", "reshade", "keypoint3d", "edge3d", "curvature",
    )  # fmt: skip
    gain = {t.key: t.value for t in published("wins_vs_pixels_16k")}
    affinities = published("all_affinities_16k")

    three, ten = (solve(affinities, Question(n, 4, tasks)) for n in (3, 10))

    assert three.trained == ("class_places", "keypoint3d", "rgb2sfnorm")
    assert three.mean_of(gain) == pytest.approx(0.877, abs=5e-4)
    assert ten.mean_of(gain) == pytest.approx(0.924, abs=5e-4)


def test_affinities_of_a_target_sum_to_1_and_the_base_file_is_damaged(published):
    sound, damaged = (published(f"all_affinities{end}") for end in ("_16k", ""))

    np.testing.assert_allclose(list(sums_of_targets(sound).values()), 1)
    assert damaged_targets(sound) == {}
    assert set(damaged_targets(damaged)) == {
        "class_selected", "non_fixated_pose", "ego_motion",
    }  # fmt: skip


def test_the_tree_keeps_3d_tasks_and_semantic_tasks_together(published):
    matrix = affinity_matrix(published("all_affinities_16k"))

    groups = task_tree(matrix, ("self", "class_selected")).clusters(5)

    three_dimensional = {
        "curvature", "keypoint3d", "segment25d", "rgb2sfnorm", "rgb2depth", "rgb2mist",
        "edge3d", "reshade",
    }  # fmt: skip
    assert three_dimensional in groups
    assert {"class_1000", "class_places", "segmentsemantic_rb"} in groups


# Where the printed matrix and its colours lie in the picture, in pixels.
_LEFT, _TOP, _RIGHT, _BOTTOM = 919.3, 38.0, 1540.5, 524.5
_SCALE_ROWS, _SCALE_COLUMNS = slice(115, 444), slice(1584, 1592)


def test_the_matrix_is_the_one_that_was_printed(published, real_data):
    path = real_data / "taskonomy" / "affinity_pre_post_AHP.jpg"
    if not path.is_file():
        pytest.skip(f"{path}: fetch data/assets of github.com/StanfordVL/taskonomy")
    pixels = np.asarray(Image.open(path).convert("RGB"), float)
    ours = affinity_matrix(published("all_affinities_16k")).dissimilarities()
    colours = pixels[_SCALE_ROWS, _SCALE_COLUMNS].mean(axis=1)
    levels = np.linspace(1, 0, len(colours))
    height = (_BOTTOM - _TOP) / ours.shape[0]
    width = (_RIGHT - _LEFT) / ours.shape[1]

    def printed(row, column):
        y, x = int(_TOP + (row + 0.5) * height), int(_LEFT + (column + 0.5) * width)
        colour = pixels[y - 4 : y + 5, x - 4 : x + 5].mean(axis=(0, 1))
        return levels[np.square(colours - colour).sum(axis=1).argmin()]

    theirs = np.array([printed(*place) for place in np.ndindex(ours.shape)])

    assert ours.shape == (22, 28)
    # What differs is the column of own networks, of files newer than the picture.
    assert np.corrcoef(ours.ravel(), theirs)[0, 1] == pytest.approx(0.981, abs=2e-3)
    assert np.abs(ours.ravel() - theirs).mean() == pytest.approx(0.028, abs=2e-3)
