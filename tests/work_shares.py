"""How tests are shared among processes: the longest first, a paper's own ones together.

`pytest -n 2 --dist loadfile` gives a file as a whole to one process. The file of all
papers would keep one process busy long after the others have ended, and a file of few
but long tests would come last.
"""

from xdist.scheduler import LoadFileScheduling

from cai_keras.cli.papers import paper_slugs

ALL_PAPERS = "test_all_papers.py"
# Files that take minutes, though some have few tests.
LONGEST = (
    "test_conformance.py",
    "test_documents.py",
    ALL_PAPERS,
    "test_layer_table.py",
    "test_jax.py",
    "test_data_service.py",
    "test_cli_launch.py",
)


def rank(file_name: str) -> int:
    """Place of a file in the order of work; files without one keep their order."""
    return LONGEST.index(file_name) if file_name in LONGEST else len(LONGEST)


def share_of(test: str, slugs: frozenset[str]) -> str:
    """What a test is given out with: its file, or its paper in the file of all papers.

    Args:
        test: pytest's id of it.
        slugs: of all papers.
    """
    file, _, rest = test.partition("::")
    if not file.endswith(ALL_PAPERS):
        return file
    parameters = rest.partition("[")[2].rstrip("]").split("-")
    paper = next((part for part in parameters if part in slugs), "")
    return f"{file}[{paper}]"


class ByFileAndPaper(LoadFileScheduling):
    """Shares in the order in which tests were collected."""

    def schedule(self) -> None:
        # Else those of most tests come first, whatever they take.
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid, self._slugs)

    _slugs = frozenset(paper_slugs())
