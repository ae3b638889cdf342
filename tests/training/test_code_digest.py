"""The digest of the code changes with what is computed, and with nothing else."""

import ast
import re
import subprocess
import sys

import pytest

from cai_keras.training import code_digest as module

SOURCE = '''
"""A module."""

import math


def area(radius: float) -> float:
    """Of a disc."""
    return math.pi * radius**2  # square units
'''


@pytest.fixture
def digest(tmp_path):
    """Function from the paper's source to the digest of all code."""
    folder = tmp_path / "some_paper"
    folder.mkdir()

    def make(source, name="experiment.py"):
        for old in folder.iterdir():
            old.unlink()
        (folder / name).write_text(source)
        module.code_digest.cache_clear()
        return module.code_digest(folder)

    yield make
    module.code_digest.cache_clear()


def test_it_is_sixteen_hexadecimal_digits(digest):
    assert re.fullmatch(r"[0-9a-f]{16}", digest(SOURCE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # square units", ""),
        ("Of a disc.", "Of a circle, the paper's equation 3."),
        ("\n\n\n", "\n\n\n\n# A note.\n"),
        ("math.pi * radius**2", "(math.pi *\n        radius ** 2)"),
        ("import math\n", "import math\r\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(digest, old, new):
    assert old in SOURCE

    assert digest(SOURCE.replace(old, new)) == digest(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("radius**2", "radius**3"),
        ("radius**2", "radius*2"),
        ("math.pi", "math.e"),
        ("radius: float)", "radius: float = 1.0)"),
        ("return math.pi * radius**2", "return 1\n    return math.pi * radius**2"),
    ],
)
def test_every_change_of_what_is_computed_counts(digest, old, new):
    assert digest(SOURCE.replace(old, new)) != digest(SOURCE)


def test_a_string_that_is_no_docstring_counts(digest):
    one = digest("NAME = 'relu'\n")

    assert digest("NAME = 'elu'\n") != one
    assert digest("NAME = b'relu'\n") != one


def test_one_and_true_and_the_text_of_one_differ(digest):
    found = {digest(f"x = {value}\n") for value in ("1", "1.0", "True", "'1'")}

    assert len(found) == 4


def test_the_name_of_a_file_counts(digest):
    assert digest(SOURCE, "data.py") != digest(SOURCE)


def test_drawing_does_not_count(digest, tmp_path):
    expected = digest(SOURCE)
    (tmp_path / "some_paper" / "figures.py").write_text("COLOUR = 'red'\n")
    module.code_digest.cache_clear()

    assert module.code_digest(tmp_path / "some_paper") == expected


def test_the_library_counts_but_not_its_command_line_and_reports():
    names = {
        path.relative_to(root).parts[0]
        for root, path in module._sources(module._LIBRARY)
        if root == module._LIBRARY
    }

    assert {"data", "layers", "losses", "metrics", "training"} <= names
    assert not {"cli", "reporting"} & names


def test_another_process_finds_the_same(digest, tmp_path):
    here = digest(SOURCE)
    code = (
        "from pathlib import Path; import sys\n"
        "from cai_keras.training.code_digest import code_digest\n"
        "print(code_digest(Path(sys.argv[1])), 'tensorflow' in sys.modules)"
    )

    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "some_paper")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert there.stdout.split() == [here, "False"]


def test_fields_that_only_some_versions_of_python_have_do_not_count():
    # Python 3.12 gave functions `type_params`; ast.parse fills in an empty list.
    plain = ast.parse("def f(x): return x")
    newer = ast.parse("def f(x): return x")
    newer.body[0]._fields = (*newer.body[0]._fields, "type_params")
    newer.body[0].type_params = []

    assert list(module._parts(newer)) == list(module._parts(plain))
