"""The command line, called in this process, and records for it to report on."""

import contextlib
import io
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from cai_keras.cli.main import main


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
def siamese_record(make_record):
    """Function from changed fields to a finished small run of siamese_one_shot."""

    def make(accuracy, **changes):
        fields = {
            "paper": "siamese_one_shot",
            "variant": "conv",
            "run_name": "conv",
            "steps_planned": 800,
            "steps_done": 800,
            "global_batch": 128,
        }
        values = {"test/one_shot_accuracy_percent": accuracy}
        return make_record(values, **{**fields, **changes})

    return make
