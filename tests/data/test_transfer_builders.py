"""Builders of transfers between tasks: made-up ones, and Taskonomy's."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cai_keras.data.builders import task_tournament, taskonomy_affinities
from cai_keras.data.source import open_embedded, open_folder, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.data.task_transfers import damaged_targets, sums_of_targets
from cai_keras.errors import DataError

pytest.importorskip("dill", reason="tfds.testing's test case imports dill")
AFFINITIES = {"self__a": 0.6, "b__a": 0.4, "b__c__a": 0.25}
RATES = {"self__a": 0.5, "b__a": 0.125}


def write_files(folder, suffix="_16k", factor=1.0):
    """The three files of a split, small."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (
        ("all_affinities", AFFINITIES),
        ("wins_vs_task", RATES),
        ("wins_vs_pixels", RATES),
    ):
        scaled = {key: factor * value for key, value in values.items()}
        (folder / f"{name}{suffix}.json").write_text(json.dumps(scaled))


@pytest.fixture(scope="module", autouse=True)
def _dummy_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dummy_data")
    write_files(folder)
    write_files(folder, "", factor=0.5)
    TaskTournamentCase.EXAMPLE_DIR = TaskonomyAffinitiesCase.EXAMPLE_DIR = str(folder)


class TaskonomyAffinitiesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = taskonomy_affinities.TaskonomyAffinities
    # 3 affinities, 2 and 2 win rates.
    SPLITS = {"images_16k": 7, "base": 7}  # noqa: RUF012 (the base class's form)


class TaskTournamentCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = task_tournament.TaskTournament
    # For each of 12 targets: itself, random, 12 features, and 10 pairs; three kinds.
    SPLITS = {"images_16k": 12 * 24 * 3}  # noqa: RUF012


def rows_of(builder, split="images_16k"):
    return list(tfds.as_numpy(read_split(builder, split)))


def test_published_files_keep_kinds_sources_and_every_digit(tmp_path):
    write_files(tmp_path / "files")
    builder = open_folder(taskonomy_affinities.TaskonomyAffinities, tmp_path / "files")

    rows = rows_of(builder)

    assert [row["kind"].decode() for row in rows] == (
        ["affinity"] * 3 + ["quality"] * 2 + ["gain"] * 2
    )
    assert rows[2]["sources"] == b"b__c"
    assert rows[2]["target"] == b"a"
    assert float(rows[0]["value"]) == 0.6


def test_a_missing_file_is_named_with_the_fix(tmp_path):
    write_files(tmp_path / "files")
    (tmp_path / "files" / "wins_vs_task_16k.json").unlink()

    with pytest.raises(
        DataError, match=r"no wins_vs_task_16k\.json or \.pkl. Put all_"
    ):
        open_folder(taskonomy_affinities.TaskonomyAffinities, tmp_path / "files")


def test_made_up_affinities_are_sound_and_sum_to_1():
    tables = task_tournament.draw_tables()

    np.testing.assert_allclose(list(sums_of_targets(tables["affinity"]).values()), 1)
    assert damaged_targets(tables["affinity"]) == {}


def test_made_up_win_rates_follow_from_the_affinities():
    tables = task_tournament.draw_tables()
    own = {t.target: t.value for t in tables["affinity"] if t.is_self}

    for affinity, quality in zip(tables["affinity"], tables["quality"], strict=True):
        # s / (s + s_self), both divided by the same sum.
        expected = affinity.value / (affinity.value + own[affinity.target])
        assert quality.value == pytest.approx(expected)
        assert affinity.key == quality.key


def test_made_up_transfers_are_better_within_a_group():
    groups = {t: g for g, tasks in task_tournament.GROUPS.items() for t in tasks}
    pairs = [
        (groups.get(t.sources[0]) == groups[t.target], t.value)
        for t in task_tournament.draw_tables()["gain"]
        if t.order == 1 and not t.is_self
    ]

    assert min(v for same, v in pairs if same) > max(v for same, v in pairs if not same)


def test_the_made_up_set_is_opened_by_its_name(tfds_folder):
    builder = open_embedded(DataSpec.parse("embedded:task_tournament"))

    assert len(rows_of(builder)) == 864
