"""Every learner takes the same steps on one device, on two, and in two processes.

Papers enter this table by existing. Their dropout is switched off; noise that they
need comes with the batch, drawn by step and row (docs/distributed.md).
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conformance_papers import slugs

from cai_keras.cli.workers import free_addresses

SCRIPT = Path(__file__).with_name("conformance_run.py")
# `OWN` of the script: two players with 5 examples on 2 replicas, and batch norm.
OWN = (
    "clipping_and_penalty",
    "every_accumulate_average",
    "batch_norm",
    "frozen_batch_norm",
)
# float32 has a relative precision of 6e-8, and replicas sum in another order: a few
# steps through a few layers differ by 1e-6 of the largest weight.
TOLERANCE = 1e-5
# Of a hang: a dozen papers take minutes on two busy cores.
LIMIT_SECONDS = 1800
# pytest's own limit would end the set-up before.
pytestmark = pytest.mark.timeout(LIMIT_SECONDS)


class Runs:
    """Processes of the script that run at the same time.

    Args:
        folder: for their results and what they print.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._started = []

    def start(self, *arguments, **environment):
        log = self.folder / f"{len(self._started)}.log"
        with open(log, "w") as file:
            process = subprocess.Popen(
                [sys.executable, SCRIPT, self.folder, *arguments],
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._started.append((process, log))

    def start_workers(self, learners: str):
        addresses = free_addresses(2)
        for index in range(2):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": addresses}, "task": task}
            self.start(learners, "multiworker", TF_CONFIG=json.dumps(cluster))

    def wait(self):
        """Fails with the output of the first process that fails; ends the others."""
        deadline = time.monotonic() + LIMIT_SECONDS
        try:
            while any(process.poll() is None for process, _ in self._started):
                self._check(time.monotonic() < deadline)
                time.sleep(0.1)
            self._check(True)
        finally:
            for process, _ in self._started:
                process.kill()
                process.wait()

    def _check(self, in_time: bool):
        for process, log in self._started:
            said = log.read_text()[-6000:]
            assert not process.poll(), f"{process.args}\n{said}"
            assert in_time, f"{process.args}: too slow\n{said}"

    def learners(self, name: str) -> list[str]:
        """Those of a paper, or the one of the script that has this name."""
        paths = (self.folder / "one").glob("*.npz")
        found = sorted(p.stem for p in paths if p.stem.partition("-")[0] == name)
        assert found
        return found

    def read(self, mode: str, learner: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / mode / f"{learner}.npz") as arrays:
            return dict(arrays)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One device and two logical CPUs with every learner; two workers with ours."""
    runs = Runs(tmp_path_factory.mktemp("conformance"))
    runs.start("all", "one", "mirrored")
    runs.start_workers("own")
    runs.wait()
    return runs


@pytest.fixture(scope="module")
def worker_runs(tmp_path_factory):
    """One device and two workers with the papers' learners."""
    runs = Runs(tmp_path_factory.mktemp("workers"))
    runs.start("papers", "one")
    runs.start_workers("papers")
    runs.wait()
    return runs


def assert_same_steps(runs, name, mode, replicas):
    for learner in runs.learners(name):
        expected, found = runs.read("one", learner), runs.read(mode, learner)
        after = {
            key.removeprefix("after/0/"): value
            for key, value in expected.items()
            if key.startswith("after/0/")
        }
        weights = [key for key in after if "/networks/" in key]
        atol = TOLERANCE * max(np.abs(after[key]).max() for key in weights)
        # Without movement any two runs would agree.
        moved = [
            np.abs(after[key] - expected[f"before/{key}"]).max() for key in weights
        ]
        assert max(moved) > 1000 * atol, learner
        for key, value in after.items():
            np.testing.assert_array_equal(
                found[f"before/{key}"], expected[f"before/{key}"], f"{learner} {key}"
            )
            for replica in range(replicas):
                np.testing.assert_allclose(
                    found[f"after/{replica}/{key}"],
                    value,
                    rtol=0,
                    atol=atol,
                    err_msg=f"{learner} {key} of replica {replica}",
                )
        losses = [key for key in expected if key.startswith("losses/")]
        assert losses
        for key in losses:
            np.testing.assert_allclose(
                found[key], expected[key], rtol=TOLERANCE, err_msg=f"{learner} {key}"
            )


@pytest.mark.parametrize("learner", [*OWN, *slugs()])
def test_two_devices_take_the_steps_of_one(learner, runs):
    assert_same_steps(runs, learner, "mirrored", replicas=2)


@pytest.mark.parametrize("learner", OWN)
def test_two_workers_take_the_steps_of_one_device(learner, runs):
    # The chief's one replica.
    assert_same_steps(runs, learner, "multiworker", replicas=1)


@pytest.mark.slow
@pytest.mark.parametrize("learner", slugs())
def test_two_workers_take_the_steps_of_one_device_in_every_paper(learner, worker_runs):
    assert_same_steps(worker_runs, learner, "multiworker", replicas=1)
