"""Run folders for the tests of comparisons."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.record import Record, write_record
from cai_keras.reporting.run_folder import RunFolder


def write_run(
    output: Path,
    record: Record,
    recipe: Mapping | None = None,
    curves: Mapping[str, Mapping[int, float]] | None = None,
) -> FinishedRun:
    """Writes the record where a run would, and what else is given."""
    folder = RunFolder.of(
        output, record.paper, record.scale, record.run_name, record.seed
    )
    write_record(folder.record_path, record)
    if recipe is not None:
        folder.config_path.write_text(yaml.safe_dump({"recipe": recipe}))
    if curves is not None:
        rows = [
            f"{step},{metric},{value!r}"
            for metric, values in curves.items()
            for step, value in values.items()
        ]
        folder.metrics_path.write_text("\n".join(["step,metric,value", *rows, ""]))
    return FinishedRun(folder, record)
