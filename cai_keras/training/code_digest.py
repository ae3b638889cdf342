"""Which code a run was made by, as one short digest."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

# What computes a run's numbers. The command line and the reports only show them.
_PACKAGES = ("data", "layers", "losses", "metrics", "networks", "training")
_DRAWS = "figures.py"
_LIBRARY = Path(__file__).resolve().parents[1]
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Differ between versions of Python, or say nothing about what is computed.
_IGNORED_FIELDS = {"kind", "type_comment", "type_ignores", "type_params"}


@cache
def code_digest(paper_folder: Path) -> str:
    """Digest of the library's and the paper's Python code, 16 hexadecimal digits.

    Comments, docstrings and layout do not count; nor do the settings, which the
    resolved config holds.

    Args:
        paper_folder: `reproductions/<slug>`.
    """
    digest = hashlib.sha256()
    for root, path in _sources(Path(paper_folder)):
        digest.update(f"\n{path.relative_to(root).as_posix()}\n".encode())
        tree = ast.parse(path.read_bytes())
        for part in _parts(tree):
            digest.update(part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _sources(paper_folder: Path) -> Iterator[tuple[Path, Path]]:
    """(what its name is relative to, file), in an order that all machines share."""
    for package in _PACKAGES:
        for path in sorted((_LIBRARY / package).rglob("*.py")):
            yield _LIBRARY, path
    for path in sorted(paper_folder.rglob("*.py")):
        if path.name != _DRAWS:
            yield paper_folder.parent, path


def _parts(value: Any) -> Iterator[str]:
    """The tree as text that does not depend on the version of Python.

    `ast.dump` leaves empty lists out since 3.13.
    """
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, field in ast.iter_fields(value):
            if name in _IGNORED_FIELDS or field is None or field == []:
                continue
            if name == "body" and isinstance(value, _DOCUMENTED):
                field = _without_docstring(value)
            yield f" {name}="
            yield from _parts(field)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            yield from _parts(item)
        yield "]"
    else:
        yield f"{type(value).__name__}:{value!r};"


def _without_docstring(node) -> list[ast.stmt]:
    has_docstring = ast.get_docstring(node, clean=False) is not None
    return node.body[1:] if has_docstring else node.body
