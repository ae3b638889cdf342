"""How tests are shared among processes."""

import pytest
from work_shares import rank, share_of

SLUGS = frozenset({"resnet", "unet"})


@pytest.mark.parametrize(
    ("test", "share"),
    [
        ("tests/a/test_b.py::test_c[resnet]", "tests/a/test_b.py"),
        ("t/test_all_papers.py::test_c[resnet-deep]", "t/test_all_papers.py[resnet]"),
        ("t/test_all_papers.py::test_c[smoke-unet-x]", "t/test_all_papers.py[unet]"),
        ("t/test_all_papers.py::test_of_none", "t/test_all_papers.py[]"),
    ],
)
def test_a_paper_is_a_share_of_its_own_in_the_file_of_all(test, share):
    assert share_of(test, SLUGS) == share


def test_long_files_come_first():
    names = ["test_alexnet.py", "test_all_papers.py", "test_conformance.py"]

    assert sorted(names, key=rank) == names[::-1]
