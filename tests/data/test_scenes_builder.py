"""`embedded:scenes`: random scenes, what of them is stored, and its page."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.data.builders import scenes
from cai_keras.data.scenes import features
from cai_keras.data.scenes.example import Settings, render
from cai_keras.data.scenes.light import to_srgb
from cai_keras.data.scenes.sampling import random_example
from cai_keras.data.scenes.view import compose
from cai_keras.data.source import open_embedded, problems_of, read_split, state_of
from cai_keras.data.spec import DataSpec
from cai_keras.errors import UsageError

pytest.importorskip("dill", reason="tfds.testing's test case imports dill")
PAGE = Path(__file__).parents[2] / "docs" / "scenes.md"
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", autouse=True)
def _small_sets(tmp_path_factory):
    # Whole sets take a minute; the generator is the same for a part.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "SPLITS", {"train": 3, "validation": 2, "test": 2})
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        ScenesCase.EXAMPLE_DIR = str(tmp_path_factory.mktemp("dummy_data"))
        yield


class ScenesCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = scenes.Scenes
    BUILDER_CONFIG_NAMES_TO_TEST = ["pairs64"]  # noqa: RUF012
    SPLITS = {"train": 3, "validation": 2, "test": 2}  # noqa: RUF012


def rows_of(spec, split):
    builder = open_embedded(DataSpec.parse(spec))
    return list(tfds.as_numpy(read_split(builder, split)))


# Random scenes


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_solids_stand_apart_on_the_floor_of_the_room(seed):
    scene, camera = random_example(np.random.default_rng(seed))

    assert 2 <= len(scene.solids) <= 6
    circles = []
    for solid in scene.solids:
        x, y, z = solid.half_sizes
        radius = np.hypot(x, y) if solid.kind == "box" else x
        assert solid.centre[2] == z
        assert (solid.centre[:2] > radius).all()
        assert (solid.centre[:2] < scene.room[:2] - radius).all()
        assert 2 * z < scene.light.position[2] < scene.room[2]
        for centre, other in circles:
            assert np.hypot(*(centre - solid.centre[:2])) > radius + other
        assert np.hypot(*(camera.position - solid.centre)[:2]) > radius + 0.3
        circles.append((solid.centre[:2], radius))


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_examples_are_functions_of_their_seed_with_finite_numbers(seed):
    given_settings = Settings(side=32, with_pairs=True)
    first, again = render(seed, given_settings), render(seed, given_settings)

    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert np.isfinite(values).all(), name
    assert first["object_count"] >= 1
    assert first["depth"].min() > 0


def test_every_kind_pattern_and_highlight_comes_up():
    drawn = [random_example(np.random.default_rng(seed))[0] for seed in range(60)]

    kinds = [solid.kind for scene in drawn for solid in scene.solids]
    patterns = [paint.pattern for scene in drawn for paint in scene.paints]
    glosses = [paint.gloss for scene in drawn for paint in scene.paints[3:]]
    for kind in ("sphere", "box", "cylinder"):
        assert kinds.count(kind) > len(kinds) / 6
    shares = {name: patterns.count(name) / len(patterns) for name in set(patterns)}
    expected = {"solid": 0.35, "checker": 0.25, "stripes": 0.2, "noise": 0.2}
    assert shares == pytest.approx(expected, abs=0.08)
    assert np.mean(np.array(glosses) > 0) == pytest.approx(0.35, abs=0.12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"side": 8}, "side: expected 16 or more, received 8"),
        ({"num_solids": (3, 2)}, r"num_solids: expected 1 <= .* received \(3, 2\)"),
        ({"num_solids": (2, 9)}, "num_solids"),
        ({"tint": 1.5}, "tint: expected 0 to 1, received 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


# What is stored


def test_stored_examples_are_what_render_gives():
    rows = rows_of("embedded:scenes/pairs64", "validation")

    for number, row in enumerate(rows):
        example = render([0x7363656E, 1, number], Settings(with_pairs=True))
        assert set(row) == set(example)
        for name, values in example.items():
            np.testing.assert_array_equal(row[name], values)
            assert np.asarray(row[name]).dtype == np.asarray(values).dtype


def test_stored_layers_give_the_stored_image_to_the_last_bit():
    for row in rows_of("embedded:scenes", "train"):
        linear = compose(row["albedo"], row["shading"], row["specular"])
        np.testing.assert_array_equal(to_srgb(linear), row["rgb"])


def test_stored_maps_have_the_types_and_channels_of_their_table():
    (row, *_) = rows_of("embedded:scenes", "test")

    for name, feature in features.MAPS.items():
        assert row[name].shape == (64, 64, feature.channels)
        assert row[name].dtype == feature.dtype


def test_the_first_config_is_the_default():
    builder = open_embedded(DataSpec.parse("embedded:scenes"))

    assert builder.builder_config.name == "side64"
    assert builder.info.features["rgb"].shape == (64, 64, 3)
    assert state_of("embedded:scenes") == state_of("embedded:scenes/side64") == "ready"
    assert state_of("embedded:scenes/side128") == "made on first use"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("embedded:scenes/side63", "did you mean 'side64'?"),
        ("embedded:scene", "did you mean 'scenes'?"),
        ("embedded:digits/small", "digits has no configs"),
    ],
)
def test_an_unknown_config_is_named(spec, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        problems_of(spec)


# Its page


def test_the_page_has_every_feature_with_its_type_and_channels():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", PAGE.read_text(), re.MULTILINE)
    documented = dict(rows)

    maps = {**features.MAPS, **features.PAIR_MAPS}
    expected = {
        name: f"{np.dtype(feature.dtype).name}, {feature.channels}"
        for name, feature in maps.items()
    }
    for name, shape in {**features.NUMBERS, **features.PAIR_NUMBERS}.items():
        expected[name] = f"float32 {shape}" if shape else "float32"
    expected |= {"object_class": "int64", "object_count": "int64"}
    expected["object_presence"] = "bool (3,)"
    assert documented == expected
