"""Imports TensorFlow without the notes that its libraries print while loading."""

import os
import sys
import tempfile

from cai_keras.errors import choose

_BACKENDS = {"tensorflow": "the default", "jax": "one process and one device"}


def load_tensorflow(logical_cpus: int = 1) -> None:
    """Imports TensorFlow, Keras and TFDS; a failure shows all that was printed.

    Args:
        logical_cpus: devices that the CPU is cut into; only before TensorFlow has
            computed anything.

    The notes (CPU features, absent GPUs) are written by C++ code before any log level
    takes effect, so standard error itself is set aside during the import.

    Raises:
        UsageError: KERAS_BACKEND names a backend that the engine does not train with.
    """
    choose("KERAS_BACKEND", os.environ.get("KERAS_BACKEND") or "tensorflow", _BACKENDS)
    _import_quietly()
    if logical_cpus > 1:
        _cut_cpu(logical_cpus)


def set_threads(intra_op: int, inter_op: int | None = None) -> None:
    """Threads within one operation, whose number changes the last bits of a sum.

    Only before TensorFlow has computed anything.

    Args:
        inter_op: operations side by side; by default at least two, so that batches
            are made while a step goes on.
    """
    import tensorflow as tf

    inter_op = inter_op or max(2, intra_op)

    tf.config.threading.set_intra_op_parallelism_threads(intra_op)
    tf.config.threading.set_inter_op_parallelism_threads(inter_op)


def _cut_cpu(count: int) -> None:
    import tensorflow as tf

    device = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(device, parts)
    except RuntimeError:
        # Devices are fixed once used; the same number is fine.
        if len(tf.config.list_logical_devices("CPU")) != count:
            raise


def _import_quietly() -> None:
    if "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            import keras
            import tensorflow as tf
            import tensorflow_datasets as tfds

            # Both load lazily; touching them makes their libraries speak now.
            _ = (tf.config.list_logical_devices, keras.Model, tfds.core)
            if keras.backend.backend() != "tensorflow":
                # TensorFlow only feeds the data then, and would take the GPUs' memory.
                tf.config.set_visible_devices([], "GPU")
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
