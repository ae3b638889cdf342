"""Run folders: paths, locks, and many processes in one output folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from cai_keras.errors import UsageError
from cai_keras.reporting.damage import read_sound_runs
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder, find_run, find_runs

_HOLDER = """
import sys, time
from pathlib import Path
from cai_keras.reporting.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""
_WRITER = """
import sys
from pathlib import Path
from cai_keras.reporting.record import read_record, write_record
from cai_keras.reporting.run_folder import RunFolder
output, template, worker = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
record = read_record(template)
for number in range(25):
    seed = worker * 25 + number
    folder = RunFolder.of(output, record.paper, record.scale, record.run_name, seed)
    with folder.lock():
        for state in ("running", "running", "done"):
            changes = {"seed": seed, "state": state}
            write_record(folder.record_path, record.model_copy(update=changes))
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


def _folder(path: Path, record) -> RunFolder:
    folder = RunFolder(path)
    write_record(folder.record_path, record)
    return folder


def test_the_paths_are_those_of_the_contract():
    folder = RunFolder.of(Path("out"), "resnet", "small", "plain@digits", 2)

    assert folder.path == Path("out/resnet/small/plain@digits/seed2")
    assert folder.record_path == folder.path / "record.json"
    assert folder.config_path == folder.path / "config.yaml"
    assert folder.metrics_path == folder.path / "metrics.csv"
    assert folder.log_path == folder.path / "log.txt"
    assert folder.checkpoints == folder.path / "checkpoints"
    assert folder.figures == folder.path / "figures"
    assert folder.tensorboard == folder.path / "tb"


def test_naming_a_run_creates_nothing(tmp_path):
    folder = RunFolder.of(tmp_path, "resnet", "small", "plain", 0)

    assert folder.record() is None
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_cannot_take_the_lock_until_the_first_one_dies(tmp_path):
    folder = RunFolder(tmp_path / "run")
    command = [sys.executable, "-c", _HOLDER, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()

        with pytest.raises(UsageError, match="another process") as caught:
            folder.lock().__enter__()
        holder.kill()

    assert str(folder.path) in str(caught.value)
    with folder.lock():
        pass  # free again


def test_the_lock_is_free_after_an_error_inside_it(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), folder.lock():
        _ = 1 / 0

    with folder.lock():
        pass


def test_runs_are_found_in_sorted_order_and_other_folders_are_passed_over(
    tmp_path, make_record
):
    second = _folder(tmp_path / "p" / "small" / "b" / "seed0", make_record())
    first = _folder(tmp_path / "p" / "small" / "a" / "seed1", make_record())
    (tmp_path / "p" / "small" / "c" / "seed0").mkdir(parents=True)

    assert find_runs(tmp_path) == [first, second]


def test_a_run_is_found_by_its_folder_or_by_its_record(tmp_path, make_record):
    folder = _folder(tmp_path / "seed0", make_record())

    assert find_run(folder.path) == folder
    assert find_run(folder.record_path) == folder


def test_a_folder_of_runs_is_not_a_run_and_one_of_them_is_named(tmp_path, make_record):
    first = _folder(tmp_path / "a" / "seed0", make_record())
    _folder(tmp_path / "a" / "seed1", make_record())

    with pytest.raises(UsageError, match="holds 2 runs") as caught:
        find_run(tmp_path)

    assert str(first.path) in str(caught.value)


@pytest.mark.parametrize("name", ["empty", "missing", "missing/record.json"])
def test_a_folder_without_a_record_is_not_a_run(tmp_path, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="no run here"):
        find_run(tmp_path / name)


def test_eight_processes_write_into_one_output_folder_and_lose_nothing(
    tmp_path, make_record
):
    template, output = tmp_path / "template.json", tmp_path / "runs"
    write_record(template, make_record({"test/x": 1.0}))
    command = [sys.executable, "-c", _WRITER, str(output), str(template)]

    writers = [subprocess.Popen([*command, str(worker)]) for worker in range(8)]
    codes = [writer.wait() for writer in writers]

    assert codes == [0] * 8
    records = [run.record for run in read_sound_runs(output)[0]]
    assert sorted(record.seed for record in records) == list(range(200))  # 8 * 25
    assert {record.state for record in records} == {"done"}
    assert not list(output.rglob("*.tmp"))
