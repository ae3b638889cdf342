"""The command line, called in this process, and records for it to report on."""

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from cai_keras.cli.main import main
from cai_keras.reporting.record import DatasetInfo, Machine, Metric, Record


@dataclass(frozen=True)
class Result:
    """What a call of `cai` gave: exit code and what it printed."""

    code: int
    output: str
    errors: str


@pytest.fixture(scope="session")
def cai():
    """Function from arguments to the Result of `cai ARGUMENTS` in this process."""

    def call(*arguments) -> Result:
        output, errors, code = io.StringIO(), io.StringIO(), 0
        with (
            mock.patch.object(sys, "argv", ["cai", *map(str, arguments)]),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
        return Result(code, output.getvalue(), errors.getvalue())

    return call


@pytest.fixture(scope="session")
def siamese_record():
    """Function from changed fields to a finished small run of siamese_one_shot."""

    def make(accuracy, **changes) -> Record:
        fields = {
            "paper": "siamese_one_shot",
            "scale": "small",
            "variant": "conv",
            "run_name": "conv",
            "seed": 0,
            "overrides": [],
            "state": "done",
            "dataset": DatasetInfo(
                spec="embedded:glyphs",
                name="glyphs",
                version="1.0.0",
                stand_in=True,
                examples={"test": 400},
            ),
            "steps_planned": 800,
            "steps_done": 800,
            "global_batch": 128,
            "replicas": 1,
            "strategy": "one",
            "backend": "tensorflow",
            "precision": "float32",
            "machine": Machine(
                devices=["/device:CPU:0"],
                cpu="a CPU",
                logical_cpus=2,
                memory_bytes=1 << 30,
                gpus=[],
                intra_op_threads=2,
                inter_op_threads=2,
                versions={},
                commit=None,
                commit_is_dirty=None,
            ),
            "started": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 2.0,
            "train_seconds": 1.0,
            "examples_per_second": None,
            "peak_memory_bytes": 1 << 20,
            "parameters": {"siamese": {"trainable": 3, "total": 4}},
            "metrics": {"test/one_shot_accuracy_percent": Metric.of(accuracy, 400)},
        }
        return Record(**{**fields, **changes})

    return make
