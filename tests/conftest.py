"""Shared set-up: an own TFDS folder, no display, and real data only where asked for."""

import os
from pathlib import Path

import pytest
import work_shares

from cai_keras.reporting.record import DatasetInfo, Machine, Metric, Record

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: work_shares.rank(item.path.name))


@pytest.hookimpl(optionalhook=True)  # nobody calls it with -p no:xdist
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") == "loadfile":
        return work_shares.ByFileAndPaper(config, log)
    return None


@pytest.fixture(scope="session", autouse=True)
def tfds_folder(tmp_path_factory):
    """Prepared data sets of this session; TFDS_DATA_DIR of the shell is kept."""
    folder = os.environ.get("TFDS_DATA_DIR")
    if folder is None:
        folder = str(tmp_path_factory.mktemp("tfds"))
        os.environ["TFDS_DATA_DIR"] = folder
    return Path(folder)


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images that CAI_REAL_DATA names; skips without it."""
    folder = os.environ.get("CAI_REAL_DATA")
    if not folder:
        pytest.skip("real images are not part of the project: set CAI_REAL_DATA")
    return Path(folder)


@pytest.fixture(scope="session")
def make_record():
    """Function from changed fields to a whole, finished record.

    `values` gives the metrics as plain numbers; `data` and `stand_in` the data set.
    """

    def make(values=None, data="glyphs", stand_in=True, **changes):
        fields = {
            "paper": "some_paper",
            "scale": "small",
            "variant": "method",
            "run_name": "method",
            "seed": 0,
            "overrides": [],
            "state": "done",
            "dataset": DatasetInfo(
                spec=f"embedded:{data}",
                name=data,
                version="1.0.0",
                stand_in=stand_in,
                examples={"train": 100, "test": 20},
            ),
            "steps_planned": 10,
            "steps_done": 10,
            "global_batch": 4,
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
                versions={"python": "3.11"},
                commit=None,
                commit_is_dirty=None,
            ),
            "started": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 2.0,
            "train_seconds": 1.0,
            "examples_per_second": 40.0,
            "peak_memory_bytes": 1 << 20,
            "parameters": {"net": {"trainable": 3, "total": 4}},
            "metrics": {
                name: Metric.of(value, 20) for name, value in (values or {}).items()
            },
        }
        return Record(**{**fields, **changes})

    return make
