"""Data specs: the forms that exist, and errors that name the nearest one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.data.spec import KINDS, DataSpec
from cai_keras.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("tfds:omniglot", "tfds", "omniglot"),
        ("tfds:imagenet_resized/8x8", "tfds", "imagenet_resized/8x8"),
        ("folder:/data/omniglot", "folder", "/data/omniglot"),
        ("folder:~/a b", "folder", "~/a b"),
        ("embedded:glyphs", "embedded", "glyphs"),
        # Only the first colon separates.
        ("folder:C:/data", "folder", "C:/data"),
    ],
)
def test_a_spec_is_a_kind_and_a_value(text, kind, value):
    assert DataSpec.parse(text) == DataSpec(kind, value)


@given(st.sampled_from(KINDS), st.text(min_size=1))
def test_a_spec_prints_as_it_was_written(kind, value):
    text = f"{kind}:{value}"

    assert str(DataSpec.parse(text)) == text


@given(st.text())
def test_any_other_text_is_a_usage_error_that_repeats_it(text):
    if text.startswith(tuple(f"{kind}:" for kind in KINDS)):
        return  # a spec after all

    with pytest.raises(UsageError) as caught:
        DataSpec.parse(text)

    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", "omniglot", "/data/omniglot", "tfds:"])
def test_without_kind_or_value_the_error_lists_the_forms(text):
    with pytest.raises(UsageError, match="expected tfds:NAME") as caught:
        DataSpec.parse(text)

    assert "folder:PATH" in str(caught.value)
    assert "embedded:NAME" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("tdfs:mnist", "tfds"), ("foldr:/x", "folder"), ("embeded:glyphs", "embedded")],
)
def test_a_misspelt_kind_gets_the_nearest_one(text, meant):
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        DataSpec.parse(text)


def test_a_kind_like_no_other_gets_the_list():
    with pytest.raises(UsageError, match="expected one of: tfds, folder, embedded"):
        DataSpec.parse("http://example.org")


def test_the_folder_of_a_spec_is_absolute(tmp_path, monkeypatch):
    (tmp_path / "omniglot").mkdir()
    monkeypatch.chdir(tmp_path)

    folder = DataSpec.parse("folder:omniglot").folder

    assert folder == (tmp_path / "omniglot").resolve()


def test_the_folder_of_a_spec_may_start_at_home(tmp_path, monkeypatch):
    (tmp_path / "omniglot").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))

    folder = DataSpec.parse("folder:~/omniglot").folder

    assert folder == (tmp_path / "omniglot").resolve()


def test_a_missing_folder_is_named(tmp_path):
    missing = tmp_path / "nowhere"

    with pytest.raises(UsageError, match="no folder") as caught:
        _ = DataSpec.parse(f"folder:{missing}").folder

    assert str(missing) in str(caught.value)
