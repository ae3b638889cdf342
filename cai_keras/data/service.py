"""Input pipelines computed by tf.data service, in the order of one process."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from cai_keras.data.step_batches import StepBatches
from cai_keras.errors import UsageError

_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class ServedBatches:
    """The batches of `source`, made elsewhere.

    Service i of n makes every n-th batch, beginning with the i-th. Each service is a
    dispatcher with one worker (`cai data serve`): several workers of one dispatcher
    would each make all of its batches and return them in any order.

    Attributes:
        source: a function of step and rows that can be sent elsewhere: TensorFlow
            operations alone, and files that the services can read.
        services: addresses, grpc://host:port.
    """

    source: StepBatches
    services: Sequence[str]

    @property
    def batch_size(self) -> int:
        return self.source.batch_size

    def __call__(
        self, first_step: int, rows: range | None = None, stride: int = 1
    ) -> tf.data.Dataset:
        """See `StepBatches`."""
        count = len(self.services)
        served = [
            self._served(address, first_step + number * stride, rows, count * stride)
            for number, address in enumerate(self.services)
        ]
        turns = tf.data.Dataset.range(count).repeat()
        numbered = tf.data.Dataset.choose_from_datasets(served, turns)
        expected = tf.data.Dataset.counter(first_step, stride, tf.int64)
        checked = tf.data.Dataset.zip(numbered, expected).map(_check_step)
        return checked.prefetch(tf.data.AUTOTUNE)

    def _served(self, address: str, first: int, rows, stride: int) -> tf.data.Dataset:
        steps = tf.data.Dataset.counter(first, stride, tf.int64)
        batches = tf.data.Dataset.zip(steps, self.source(first, rows, stride))
        _refuse_silent(address)
        return batches.apply(
            tf.data.experimental.service.distribute(
                processing_mode=tf.data.experimental.service.ShardingPolicy.OFF,
                service=address,
            )
        )


def _refuse_silent(address: str) -> None:
    """TensorFlow itself waits for ever for a service that is not there."""
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"train.data_service {address}: no answer ({error.strerror or error}); "
            "start it with `cai data serve`"
        ) from None


def _check_step(numbered, expected):
    step, batch = numbered
    message = "tf.data service: a batch out of order; one worker to a dispatcher"
    with tf.control_dependencies(
        [tf.debugging.assert_equal(step, expected, message=message)]
    ):
        return tf.nest.map_structure(tf.identity, batch)


def serve(port: int) -> tuple:
    """Starts a dispatcher with one worker; returns both servers, which run on.

    Args:
        port: of the dispatcher; 0 chooses a free one.
    """
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
    address = dispatcher.target.partition("://")[2]
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    return dispatcher, worker
