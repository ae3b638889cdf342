"""A benchmark as MLPerf log lines, written by MLCommons' own `mlperf-logging`.

The lines are in MLPerf's form and use its keys where it has one, so that tools which
read such logs read these. They are no MLPerf submission: the workloads are this
project's.
"""

import io
import logging
import re
from pathlib import Path
from typing import Any

from benchmarks.measured_rows import repeat_speeds
from benchmarks.rows import BenchmarkFile, Row
from cai_keras.errors import UsageError

MISSING = "mlperf-logging is not installed: pip install 'cai-keras[bench]'"


def to_mlperf(file: BenchmarkFile) -> str:
    """All lines: of the file, then of each row, whose model is their `namespace`.

    `time_ms` is when the line was written, not when the row was measured. A row has
    `global_batch_size`, its `configuration`, one `tracked_stats` for each repeat, whose
    `step` counts the repeats from 1, and at last `status`.

    Raises:
        UsageError: the package is not installed; the message names the extra.
    """
    try:
        from mlperf_logging.mllog import constants
        from mlperf_logging.mllog.mllog import MLLogger
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlperf_logging":
            raise
        raise UsageError(MISSING) from None
    text = io.StringIO()
    # A logger that nobody else can have, as mllog's default one prints.
    lines = logging.Logger("cai_keras.mlperf", logging.INFO)
    lines.addHandler(logging.StreamHandler(text))
    root = str(Path(__file__).resolve().parents[1])
    log = MLLogger(lines, root_dir=re.escape(root))  # it is used as a pattern
    log.event(constants.SUBMISSION_BENCHMARK, f"cai_keras {file.name}")
    log.event(constants.SUBMISSION_DIVISION, constants.OPEN)
    log.event(constants.SUBMISSION_STATUS, constants.RESEARCH)
    for ceilings in file.ceilings:
        log.event(
            constants.SUBMISSION_PLATFORM,
            ceilings.device_name,
            metadata=ceilings.model_dump(mode="json"),
        )
    for row in file.metrics:
        _log_row(log, constants, row)
    return text.getvalue()


def _log_row(log: Any, constants: Any, row: Row) -> None:
    configuration = row.configuration

    def event(key: str, value: Any, **metadata: Any) -> None:
        log.event(key, value, metadata=metadata, namespace=configuration.model)

    event(constants.GLOBAL_BATCH_SIZE, configuration.batch_size)
    event("configuration", configuration.model_dump(mode="json"))
    if row.state == "done":
        for number, speed in enumerate(repeat_speeds(row), start=1):
            event("tracked_stats", {"throughput": speed}, step=number)
        measured = row.model_dump(
            mode="json", exclude={"configuration", "repeats", "state", "reason"}
        )
        event("result", measured)
        event("status", constants.SUCCESS)
    else:
        event("status", constants.ABORTED, state=row.state, reason=row.reason)
