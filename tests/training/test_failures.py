"""One line for what TensorFlow and Python say in many."""

import errno

import pytest
import tensorflow as tf

from cai_keras.training.failures import WriteError, one_line, writing

FAR = "/job:localhost/replica:0/task:0/device:CPU:0"
# The texts are TensorFlow 2.21's own, file names shortened.
TEXTS = {
    "eager": (
        f"{{{{function_node __wrapped__SaveV2_dtypes_25_device_{FAR}}}}} "
        "a/part-00000; No space left on device [Op:SaveV2] name: ",
        "a/part-00000; No space left on device",
    ),
    "graph": (
        "Graph execution error:\n\nDetected at node ReadFile defined at (most recent "
        'call last):\n  File "root.py", line 11, in <module>\n\n  File "root.py", '
        "line 6, in g\n\na.png; No such file or directory\n"
        "\t [[{{node ReadFile}}]] [Op:__inference_f_202]",
        "a.png; No such file or directory",
    ),
    "data in a graph": (
        "Graph execution error:\n\nDetected at node cond/ReadFile defined at (most "
        "recent call last):\n<stack traces unavailable>\nError in user-defined "
        "function passed to ParallelMapDatasetV2:8 transformation with iterator: "
        "Iterator::Root::Prefetch::ParallelMapV2: a.png; No such file or directory\n"
        "\t [[{{node cond/ReadFile}}]]\n\t [[while/IteratorGetNext]] [Op:__inf_197]",
        "a.png; No such file or directory",
    ),
    "python in data": (
        f"{{{{function_node __wrapped__IteratorGetNext_output_types_2_device_{FAR}}}}} "
        "Error in user-defined function passed to MapDataset:3 transformation with "
        "iterator: Iterator::Root::Prefetch::Map: Mould: jar 17\nsecond line\n"
        'Traceback (most recent call last):\n\n  File "a.py", line 10, in f\n\n'
        "Mould: jar 17\nsecond line\n\n\n\t [[{{node PyFunc}}]] [Op:IteratorGetNext]",
        "Mould: jar 17",
    ),
    "stop iteration in data": (
        "{{function_node x}} Function invocation produced OutOfRangeError: Error in "
        "user-defined function passed to MapDataset:63 transformation with iterator: "
        "Iterator::Root::Map: StopIteration: 4\n\t [[{{node PyFunc}}]]",
        "StopIteration: 4",
    ),
    "while tracing": (
        'in user code:\n\n    File "a.py", line 10, in f  *\n        return g(x)\n'
        '    File "a.py", line 12, in g  *\n        raise ValueError("no axis 3")\n\n'
        "    ValueError: no axis 3\n",
        "ValueError: no axis 3",
    ),
    "several roots": (
        "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  shapes differ\n"
        "\t [[{{node add}}]]\n  (1) CANCELLED:  shapes differ\n0 successful",
        "shapes differ",
    ),
    "plain": ("no example\nwas seen", "no example"),
}


@pytest.mark.parametrize(("text", "line"), TEXTS.values(), ids=TEXTS.keys())
def test_the_line_that_says_what_happened(text, line):
    assert one_line(Exception(text)) == line


def test_an_error_without_a_text_is_its_type():
    assert one_line(AssertionError()) == "AssertionError"


def test_a_long_line_is_cut():
    assert one_line(Exception("x" * 1000)) == "x" * 300


def test_an_error_of_the_system_becomes_one_line_about_the_path(tmp_path):
    with (
        pytest.raises(WriteError) as caught,
        writing(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "other")
    assert (
        str(caught.value) == f"{tmp_path}: cannot be written (No space left on device)"
    )


def test_an_error_of_tensorflow_does_too(tmp_path):
    with pytest.raises(WriteError) as caught, writing(tmp_path):
        tf.io.write_file(str(tmp_path), "a folder is no file")
    assert str(caught.value) == f"{tmp_path}: cannot be written (Is a directory)"


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), writing("anywhere"):
        _ = 1 / 0
