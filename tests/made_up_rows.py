"""Rows and files of benchmarks, made up for tests."""

from collections.abc import Sequence

from benchmarks.rows import BenchmarkFile, Ceilings, Configuration, Repeat, Row
from benchmarks.score_set import ENTRIES


def configuration(**changes) -> Configuration:
    fields = {
        "kind": "train",
        "paper": "resnet",
        "scale": "small",
        "variant": "cifar10_resnet20",
        "network": "all",
        "backend": "tensorflow",
        "device": "cpu",
        "precision": "float32",
        "xla": False,
        "batch_size": 10,
        "image_shape": (32, 32, 3),
    }
    return Configuration(**{**fields, **changes})


def done(speeds: Sequence[float] = (100.0, 100.0, 100.0), row=None, **changes) -> Row:
    """A row whose repeats are one step each, at these samples per second.

    Args:
        row: fields of the row; other keywords are of the configuration.
    """
    own = configuration(**changes)
    middle = sorted(speeds)[len(speeds) // 2]
    fields = {
        "state": "done",
        "repeats": [Repeat(step_seconds=(own.batch_size / s,)) for s in speeds],
        "samples_per_second": middle,
        "noise": "quiet",
    }
    return Row(configuration=own, **{**fields, **(row or {})})


def failed(reason="no such kernel", state="failed", **changes) -> Row:
    return Row(configuration=configuration(**changes), state=state, reason=reason)


def ceilings(**changes) -> Ceilings:
    fields = {
        "backend": "tensorflow",
        "device": "cpu",
        "device_name": "a CPU",
        "matrix_flops_per_second": {"float32": 100e9, "mixed_bfloat16": 50e9},
        "convolution_flops_per_second": {"float32": 80e9},
        "copy_bytes_per_second": 10e9,
        "launch_seconds": 1e-4,
    }
    return Ceilings(**{**fields, **changes})


def counted(speed: float = 100.0, **changes) -> Row:
    """A row that a roofline can show: 40 operations a byte, 2 GFLOP an example."""
    batch = changes.get("batch_size", 10)
    numbers = {
        "sample_flops": 2e9,
        "step_bytes": 2e9 * batch / 40,
        "flops_per_second": 2e9 * speed,
    }
    return done([speed] * 3, row=numbers, **changes)


def benchmark(*rows: Row, name="train", environ=None, **changes) -> BenchmarkFile:
    known = {"cpu": "a CPU", "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"}}
    fields = {"environ": known if environ is None else environ, "metrics": rows}
    return BenchmarkFile(name=name, **{**fields, **changes})


def score_set(speeds: Sequence[float] = (100.0,) * 3, **by_entry) -> BenchmarkFile:
    """The set of a score, all of it at these speeds.

    Args:
        by_entry: other speeds, by the entry's id: `**{"train/unet/unet": [50.0]}`.
    """
    rows = []
    for entry in ENTRIES:
        own = entry.configuration("cpu").model_dump()
        rows.append(done(by_entry.get(entry.id, speeds), **own))
    return benchmark(*rows, name="score")
