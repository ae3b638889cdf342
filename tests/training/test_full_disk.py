"""A full disk: the previous checkpoint and record stay, and the run goes on later."""

import os
import resource
import subprocess

import keras
import kill_run
import numpy as np
import pytest
import tensorflow as tf
import tiny_experiment

from cai_keras.errors import RunError
from cai_keras.reporting.record import read_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.checkpoint import CheckpointStore
from cai_keras.training.failures import WriteError
from cai_keras.training.run_log import RunLog

PAGE = 4096
FULL = "cannot be written (No space left on device)"


class SmallDisk:
    """A file system of its own with room for 200 pages.

    Attributes:
        path: where it is mounted.
    """

    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"

    def fill(self, free_pages: int = 0) -> None:
        """Leaves room for so many pages of 4096 bytes."""
        self.free()
        stat = os.statvfs(self.path)
        assert stat.f_bavail > free_pages
        self._filler.write_bytes(bytes(PAGE * (stat.f_bavail - free_pages)))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def small_disk(tmp_path):
    """A small tmpfs; skips where this user may not mount one."""
    path = tmp_path / "small"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={200 * PAGE}", "tmpfs", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"needs the right to mount a tmpfs: {why.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a log of a failed test may still be open.
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def session(tiny, paper, small_disk):
    """A session of the tiny paper that runs on the small disk."""
    return tiny.Session(paper, small_disk.path / "runs")


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory):
    """A finished run of 16 steps, for comparison; not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    session = tiny.Session(tiny.write_paper(folder / "tiny"), folder / "runs")
    session.run()
    session.final_state = session.state
    return session


def filled_at(disk, step, free_pages):
    def fill_once(done):
        if done == step:
            disk.fill(free_pages)

    return fill_once


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


ONE_CHECKPOINT = ["checkpoint", "ckpt-4.data-00000-of-00001", "ckpt-4.index"]


# The whole run


@pytest.mark.parametrize(("free_pages", "state"), [(0, "running"), (2, "failed")])
def test_a_run_goes_on_to_the_same_bits_once_there_is_space(
    session, tiny, small_disk, undisturbed, free_pages, state
):
    # After step 8 a checkpoint is due, of five pages.
    fill = filled_at(small_disk, 8, free_pages)

    with pytest.raises(RunError) as caught:
        session.run("train.evaluate_every=0", on_advance=fill)

    checkpoints = session.folder.checkpoints
    first, second = f"{checkpoints}/ckpt-8: {FULL}", f"{checkpoints}/ckpt-4"
    assert str(caught.value) == f"{first}; last good checkpoint: {second}"
    assert files_of(checkpoints) == ONE_CHECKPOINT
    # Without any room the record of the last checkpoint is left as it was.
    assert read_record(session.folder.record_path).state == state
    assert not list(session.folder.path.glob("*.tmp"))

    small_disk.free()
    record = session.run("train.evaluate_every=0", resume=True)

    assert session.reporter.steps[0] == 6
    assert record.metrics == undisturbed.record.metrics
    tiny.assert_same_state(session.state, undisturbed.final_state)


def test_what_could_not_be_written_besides_is_said_too(session, small_disk):
    with pytest.raises(RunError):
        session.run("train.evaluate_every=0", on_advance=filled_at(small_disk, 8, 0))

    assert session.reporter.messages == [f"{session.folder.record_path}: {FULL}"]


def test_a_full_disk_while_logging_is_said_in_one_line(session, small_disk):
    # At step 8 TensorBoard's file of the validation is new, with keep_best too.
    rare = ["train.evaluate_every=8", "train.checkpoint_every=4"]

    with pytest.raises(RunError) as caught:
        session.run(*rare, on_advance=filled_at(small_disk, 8, 0))

    folder = session.folder
    place = f"{folder.tensorboard}/validation: {FULL}"
    kept = f"last good checkpoint: {folder.checkpoints}/ckpt-4"
    assert str(caught.value) == f"{place}; {kept}"
    assert files_of(folder.checkpoints) == ONE_CHECKPOINT


# The parts, at every amount of space that may be left


def variables(value):
    """Four pages of numbers."""
    return {"net/kernel": keras.Variable(np.full((4, 1024), value, "float32"))}


@pytest.mark.parametrize("free_pages", range(7))
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(small_disk, free_pages):
    folder = small_disk.path / "checkpoints"
    CheckpointStore(folder, variables(4), keep=2).save(4, 0.0)
    store = CheckpointStore(folder, variables(8), keep=2)
    small_disk.fill(free_pages)

    with pytest.raises(WriteError):
        store.save(8, 0.0)

    assert store.newest == f"{folder}/ckpt-4"
    assert files_of(folder) == ONE_CHECKPOINT
    assert kernel_of_newest(folder) == 4


def test_with_a_little_more_space_it_is_written(small_disk):
    # Five pages of data, an index before and one after merging, and the list.
    folder = small_disk.path / "checkpoints"
    CheckpointStore(folder, variables(4), keep=2).save(4, 0.0)
    small_disk.fill(free_pages=8)

    CheckpointStore(folder, variables(8), keep=2).save(8, 0.0)

    assert kernel_of_newest(folder) == 8


def kernel_of_newest(folder):
    state = variables(0)
    assert CheckpointStore(folder, state, keep=2).restore() == []
    return state["net/kernel"].numpy()[3, 1023]


def test_half_of_the_best_checkpoint_is_removed_and_the_newest_stays(small_disk):
    folder = small_disk.path / "checkpoints"
    store = CheckpointStore(folder, variables(4), keep=2)
    store.save(4, 0.0)
    small_disk.fill(free_pages=4)

    with pytest.raises(WriteError, match=r"/best/ckpt-4: cannot be written"):
        store.save_best(4, 0.0, value=0.5)

    assert store.best is None
    assert files_of(folder) == ["best", *ONE_CHECKPOINT]
    assert files_of(folder / "best") == []
    assert kernel_of_newest(folder) == 4


def test_a_checkpoint_that_is_in_the_list_is_whole_and_stays(small_disk):
    # All is written, and the list once; then it is written a second time, without
    # the checkpoints that were deleted.
    folder = small_disk.path / "checkpoints"
    store = CheckpointStore(folder, variables(4), keep=2)
    small_disk.fill(free_pages=7)

    with pytest.raises(WriteError):
        store.save(4, 0.0)

    assert store.newest == f"{folder}/ckpt-4"
    assert files_of(folder) == ONE_CHECKPOINT
    assert kernel_of_newest(folder) == 4


def test_a_checkpoint_whose_list_cannot_be_written_is_removed(tmp_path, monkeypatch):
    CheckpointStore(tmp_path, variables(4), keep=2).save(4, 0.0)
    store = CheckpointStore(tmp_path, variables(8), keep=2)

    def fail(manager):
        raise tf.errors.ResourceExhaustedError(None, None, "list; Disk quota exceeded")

    monkeypatch.setattr(tf.train.CheckpointManager, "_record_state", fail)
    with pytest.raises(WriteError, match=r"ckpt-8: cannot be written \(Disk quota"):
        store.save(8, 0.0)

    assert store.newest == f"{tmp_path}/ckpt-4"
    assert files_of(tmp_path) == ONE_CHECKPOINT


@pytest.mark.parametrize("write", ["message", "scalars"])
def test_a_full_log_says_so_once_and_can_be_closed(small_disk, write):
    folder = RunFolder(small_disk.path / "run")
    log = RunLog(folder, 0)
    log.message("begin")
    log.scalars("train", 1, {"a": 1.0})
    small_disk.fill()
    writes = {
        "message": lambda: log.message("x" * PAGE),
        "scalars": lambda: log.scalars("new", 2, {"a": 1.0}),
    }
    places = {"message": folder.log_path, "scalars": folder.tensorboard / "new"}

    with pytest.raises(WriteError) as caught:
        writes[write]()

    assert str(caught.value) == f"{places[write]}: {FULL}"
    log.close()


# Files that may not grow: a limit of the process in place of a disk


def _train_with_small_files(folder, step, limit):
    """Trains in a process of its own that may write no longer files after a step."""
    kill_run.keep_errors(folder)
    session = tiny_experiment.Session(
        tiny_experiment.write_paper(folder / "tiny"), folder / "runs"
    )

    def set_limit(done):
        if done == step:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    try:
        session.run("train.evaluate_every=0", "train.log_every=2", on_advance=set_limit)
    except RunError as error:
        (folder / "said.txt").write_text(str(error))


def train_with_small_files(folder, step, limit):
    process = kill_run.FORKS.Process(
        target=_train_with_small_files, args=(folder, step, limit)
    )
    process.start()
    process.join()
    assert process.exitcode == 0, (folder / "errors.txt").read_text()[-3000:]
    return (folder / "said.txt").read_text()


def test_a_checkpoint_that_may_not_be_so_long_leaves_the_one_before(
    tiny, tmp_path, undisturbed
):
    # Its data have 4.5 kB; the logs are shorter by then.
    said = train_with_small_files(tmp_path, step=6, limit=4300)

    session = tiny.Session(undisturbed.paper, tmp_path / "runs")
    checkpoints = session.folder.checkpoints
    first = f"{checkpoints}/ckpt-8: cannot be written (File too large)"
    assert said == f"{first}; last good checkpoint: {checkpoints}/ckpt-4"
    assert files_of(checkpoints) == ONE_CHECKPOINT
    assert (session.record.state, session.record.reason) == ("failed", said)
    session.run("train.evaluate_every=0", resume=True)
    tiny.assert_same_state(session.state, undisturbed.final_state)


def test_an_exported_network_is_whole_or_not_there(tiny, tmp_path, undisturbed):
    # Keras writes more than 10 kB for the regressor; all others are shorter.
    said = train_with_small_files(tmp_path, step=16, limit=10_000)

    session = tiny.Session(undisturbed.paper, tmp_path / "runs")
    checkpoints = session.folder.checkpoints
    first = f"{checkpoints}: cannot be written (File too large)"
    assert said == f"{first}; last good checkpoint: {checkpoints}/ckpt-16"
    assert not list(checkpoints.glob("*.keras"))
    record = session.run("train.evaluate_every=0", resume=True)
    assert record.metrics == undisturbed.record.metrics
    assert (checkpoints / "regressor.keras").exists()
