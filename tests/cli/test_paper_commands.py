"""Verbs that papers bring along."""

import typer

from cai_keras.cli import paper_commands
from cai_keras.errors import UsageError


def added(arguments):
    """Names of the papers whose verbs were added."""
    app = typer.Typer()
    paper_commands.add_to(app, arguments)
    return [group.name for group in app.registered_groups]


def test_a_papers_code_is_imported_only_where_it_matters():
    assert added(["taskonomy", "solve"]) == ["taskonomy"]
    assert added(["--help"]) == ["cai_vgg", "gan_metrics", "taskonomy"]
    assert added(["list", "--json"]) == []


def test_other_verbs_work_where_no_paper_is_installed(monkeypatch):
    def absent():
        raise UsageError("not installed")

    monkeypatch.setattr(paper_commands, "papers_folder", absent)

    assert added([]) == []
