"""tf.data service: other processes make the batches, in the order of this one."""

import itertools
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from cai_keras.cli.main import main
from cai_keras.data.classification import LabelledImages
from cai_keras.data.service import ServedBatches, serve
from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError
from cai_keras.reporting.record import read_record

COUNT, SIZE = 11, 4


@pytest.fixture(scope="module")
def services():
    """Addresses of two services in this process."""
    pairs = [serve(0), serve(0)]
    yield [dispatcher.target for dispatcher, _ in pairs]
    del pairs


@pytest.fixture(scope="module")
def batches():
    """Shuffled batches of examples whose pictures are their labels."""
    labels = np.arange(COUNT, dtype=np.int32)
    images = LabelledImages(labels[:, None, None, None].astype(np.uint8), labels)
    return images.batches(SIZE, seed=2)


def take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def assert_same_batches(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a["label"], b["label"])
        np.testing.assert_array_equal(a["image"], b["image"])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("first", [0, 3])
def test_services_give_the_batches_of_this_process(services, batches, count, first):
    served = ServedBatches(batches, services[:count])

    assert_same_batches(take(served(first), 9), take(batches(first), 9))
    assert served(first).element_spec == batches(first).element_spec


def test_a_service_more_than_steps_changes_nothing(services, batches):
    # The first service twice: three readers share two batches.
    served = ServedBatches(batches, [*services, services[0]])

    assert_same_batches(take(served(1), 2), take(batches(1), 2))


def test_services_make_the_rows_that_they_are_asked_for(services, batches):
    served = ServedBatches(batches, services)

    found = take(served(2, range(1, 3)), 5)

    expected = [
        {name: value[1:3] for name, value in batch.items()}
        for batch in take(batches(2), 5)
    ]
    assert_same_batches(found, expected)
    assert served.batch_size == SIZE


def test_services_keep_a_stride(services, batches):
    served = ServedBatches(batches, services)

    # Steps 1, 4, 7: the first service has 1 and 7, the second 4.
    assert_same_batches(take(served(1, None, 3), 3), take(batches(1), 7)[::3])


def test_a_service_that_is_not_there_is_refused_at_once(batches):
    with socket.socket() as held:  # bound, so that nobody else takes it; silent
        held.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{held.getsockname()[1]}"

        expected = f"train.data_service {address}: no answer .*`cai data serve`"
        with pytest.raises(UsageError, match=expected):
            ServedBatches(batches, [address])(0)


def test_a_host_without_a_name_is_refused(batches):
    with pytest.raises(UsageError, match="no answer"):
        ServedBatches(batches, ["grpc://nowhere.invalid:5050"])(0)


def test_two_workers_of_one_dispatcher_are_found_out():
    dispatcher, first = serve(0)
    service = tf.data.experimental.service
    address = dispatcher.target.partition("://")[2]
    second = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    counted = StepBatches(lambda step, rows: step + rows, 1)
    served = ServedBatches(counted, [dispatcher.target])

    # Each worker makes all 3,000 batches. In order by chance until the second one
    # delivers its first.
    with pytest.raises(tf.errors.InvalidArgumentError, match="a batch out of order"):
        take(served(0), 3000)
    del second, first, dispatcher


@contextmanager
def serving():
    """`cai data serve` in a process of its own: the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cai_keras", "data", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def train(output, *options):
    """The record of a smoke run of `cai train siamese_one_shot`."""
    which = ["siamese_one_shot", "--scale", "smoke", "--variant", "fully_connected"]
    arguments = ["cai", "train", *which, "--output", str(output), *options]
    with mock.patch.object(sys, "argv", arguments):
        main()
    return read_record(next(output.rglob("record.json")))


def test_a_run_fed_by_cai_data_serve_has_the_metrics_of_any_other(tmp_path):
    with serving() as (process, line):
        label, _, address = line.rpartition(" ")
        assert label == "serving at", process.stderr.read()
        setting = f"train.data_service=[{address}]"
        served = train(tmp_path / "served", "--set", setting)

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 0
    assert errors == ""
    assert served.state == "done"
    assert served.metrics == train(tmp_path / "plain").metrics
