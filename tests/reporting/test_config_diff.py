"""The keys in which two configs differ."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.reporting.config_diff import KeyDifference, config_differences

PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3)
KEYS = st.text("abc", min_size=1, max_size=2)
CONFIGS = st.dictionaries(
    KEYS,
    st.recursive(
        PLAIN | st.lists(PLAIN, max_size=2),
        lambda inner: st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def test_only_keys_that_differ_are_listed_with_their_dots():
    a = {"train": {"steps": 800, "adam": {"rate": 0.1}}, "data": {"spec": "x"}}
    b = {"train": {"steps": 400, "adam": {"rate": 0.1}}, "data": {"spec": "x"}}

    assert config_differences(a, b) == [KeyDifference("train.steps", "800", "400")]


def test_a_key_that_one_side_lacks_is_absent_there():
    differences = config_differences({"a": {"x": 1}}, {"a": {"y": [1, 2]}})

    assert differences == [
        KeyDifference("a.x", "1", "absent"),
        KeyDifference("a.y", "absent", "[1, 2]"),
    ]


def test_a_section_that_faces_a_null_is_one_value():
    (difference,) = config_differences({"ema": None}, {"ema": {"momentum": 0.99}})

    assert difference == KeyDifference("ema", "null", "{momentum: 0.99}")


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1.0), (float("nan"), float("nan")), ("a", "a")]
)
def test_equal_values_are_no_difference(a, b):
    assert config_differences({"key": a}, {"key": b}) == []


@pytest.mark.parametrize(
    ("a", "b", "texts"),
    [
        (True, 1, ("true", "1")),
        ("1", 1, ("'1'", "1")),
        (None, False, ("null", "false")),
        ([1, 2], [2, 1], ("[1, 2]", "[2, 1]")),
        (0.1, 0.2, ("0.1", "0.2")),
    ],
)
def test_unequal_values_are_shown_as_set_takes_them(a, b, texts):
    (difference,) = config_differences({"key": a}, {"key": b})

    assert (difference.a, difference.b) == texts


@given(CONFIGS)
def test_a_config_does_not_differ_from_itself(config):
    assert config_differences(config, copy.deepcopy(config)) == []


@given(CONFIGS, CONFIGS)
def test_the_keys_and_values_of_b_turn_a_into_b(a, b):
    changed = copy.deepcopy(a)

    for difference in config_differences(a, b):
        *sections, key = difference.key.split(".")
        place = changed
        for section in sections:
            place = place[section]
        if difference.b == "absent":
            del place[key]
        else:
            place[key] = yaml.safe_load(difference.b)

    assert changed == b
