"""`cai evaluate`: a finished run's checkpoint, evaluated again."""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import print_table, say
from cai_keras.errors import UsageError, choose
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import find_run
from cai_keras.training.code_digest import code_digest
from cai_keras.training.config import load_resolved


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder or its record.json.")],
    checkpoint: Annotated[
        str, typer.Option(help="newest, or best as train.keep_best says.")
    ] = "newest",
) -> None:
    """Evaluate a finished run's checkpoint again.

    The new record goes to RUN/evaluations/; the run's own record stays.
    """
    choose("--checkpoint", checkpoint, {"newest": None, "best": None})
    folder = find_run(run)
    record = folder.record()
    if record.state != "done":
        raise UsageError(f"{folder.path}: the run is {record.state}, not done")
    paper = papers.find_paper(record.paper)
    recipe = load_resolved(folder.config_path, paper.slug)
    load_tensorflow()
    from cai_keras.training import evaluation
    from cai_keras.training.first_record import describe_dataset
    from cai_keras.training.machine import describe_machine

    build = papers.builder_of(paper)
    experiment = evaluation.restore(
        recipe, record.seed, folder, build, best=checkpoint == "best"
    )
    metrics = evaluation.evaluate(experiment, recipe)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    again = record.model_copy(
        update={
            "metrics": metrics,
            "series": evaluation.measure_series(experiment, recipe),
            "machine": describe_machine(),
            "code": code_digest(paper.folder),
            "started": now,
            "dataset": describe_dataset(
                experiment, recipe, tuple(paper.file.paper.datasets)
            ),
        }
    )
    path = folder.path / "evaluations" / f"{now.replace(':', '')}.json"
    write_record(path, again)
    rows = [
        {"metric": name, "then": _value(record.metrics.get(name)), "now": _value(new)}
        for name, new in metrics.items()
    ]
    print_table({"metric": "Metric", "then": "In the record", "now": "Now"}, rows)
    say(f"written: {path}")


def _value(metric) -> str:
    if metric is None:
        return ""
    return f"null ({metric.reason})" if metric.value is None else repr(metric.value)
