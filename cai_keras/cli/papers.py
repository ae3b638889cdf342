"""Finds the papers: the folders of the `reproductions` package."""

import ast
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cai_keras.cli.framework import load_tensorflow
from cai_keras.errors import UsageError, nearest
from cai_keras.training.config import Paper, load_paper

if TYPE_CHECKING:
    from cai_keras.reporting.table import PaperClaims

PACKAGE = "reproductions"


def papers_folder() -> Path:
    """Where the papers lie; importing the package runs no code."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"the package {PACKAGE!r} is not installed; pip install -e .")
    return Path(next(iter(spec.submodule_search_locations)))


def paper_slugs() -> list[str]:
    """All papers, sorted."""
    return sorted(path.parent.name for path in papers_folder().glob("*/config.yaml"))


def find_paper(slug: str) -> Paper:
    """The paper `slug`; raises UsageError with the nearest name."""
    slugs = paper_slugs()
    if slug not in slugs:
        raise UsageError(f"unknown paper {slug!r}; {nearest(slug, slugs)}")
    return load_paper(papers_folder() / slug)


def find_papers(slugs: list[str]) -> list[Paper]:
    """The papers named, or every one for `all`."""
    return [find_paper(s) for s in (paper_slugs() if slugs == ["all"] else slugs)]


def builder_of(paper: Paper) -> Callable[..., Any]:
    """The paper's `build`; this imports TensorFlow."""
    return _module(paper, "experiment").build


def figures_of(paper: Paper) -> dict[str, Callable[..., Any]]:
    """What draws the paper's figures over many runs, by id; without TensorFlow."""
    if not (paper.folder / "figures.py").exists():
        return {}
    return importlib.import_module(f"{PACKAGE}.{paper.slug}.figures").FIGURES


def claims_of(paper: Paper) -> "PaperClaims":
    """The claims with what the table must know about the full protocol."""
    from cai_keras.reporting.table import PaperClaims

    recipes = {v: paper.recipe("paper", v) for v in paper.variants}
    return PaperClaims(
        slug=paper.slug,
        claims=paper.file.claims,
        paper_steps={v: recipe.train.total_steps for v, recipe in recipes.items()},
        seeds={v: recipe.seeds for v, recipe in recipes.items()},
    )


def networks_of(paper: Paper) -> Callable[..., dict]:
    """Function from a recipe to its networks by name."""
    return _module(paper, "experiment").networks


def draws_pictures(slug: str) -> bool:
    """Whether the paper's experiment.py has a `sampler`, from its text alone.

    An import would take seconds for TensorFlow, of every paper for an error's line.
    """
    file = papers_folder() / slug / "experiment.py"
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return any("sampler" in _names(node) for node in tree.body)


def sampler_of(paper: Paper) -> Callable[..., Any]:
    """Function from a recipe and loaded networks to a `generation.sampler.Sampler`."""
    return _module(paper, "experiment").sampler


def data_problems(paper: Paper) -> Callable[[str], list[str]]:
    """The paper's check of a data spec: one line with the fix for each problem.

    That of its data.py, or else that of the library's image tasks.
    """
    if (paper.folder / "data.py").exists():
        module = _module(paper, "data")
        if hasattr(module, "problems_of"):
            return module.problems_of
    from cai_keras.data.image_task import problems_of

    return problems_of


def _names(node: ast.stmt) -> list[str]:
    """What a statement at the top of a module defines or imports."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


def _module(paper: Paper, name: str) -> ModuleType:
    load_tensorflow()
    return importlib.import_module(f"{PACKAGE}.{paper.slug}.{name}")
