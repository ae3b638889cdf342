"""Figures as PNG, and as images that TensorBoard itself reads back."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cai_keras.reporting.pictures import png_bytes, write_tensorboard_image
from cai_keras.reporting.style import figure_style


def _png(width: int, height: int, grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width), grey, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def _read(folder) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


@pytest.fixture
def figure():
    with figure_style():
        drawn, axis = plt.subplots(figsize=(2, 1))
        axis.plot([0, 1], [0, 1])
    yield drawn
    plt.close("all")


def test_a_figure_becomes_a_png_that_pillow_reads(figure):
    with Image.open(io.BytesIO(png_bytes(figure))) as image:
        image.load()

    # 2 x 1 inches at 150 dots per inch, give or take the tight border.
    assert image.format == "PNG"
    assert image.width == pytest.approx(300, rel=0.2)
    assert image.height == pytest.approx(150, rel=0.2)


def test_a_figure_is_closed_after_drawing(figure):
    png_bytes(figure)

    assert plt.get_fignums() == []


def test_tensorboard_reads_size_and_bytes_of_an_image_back(tmp_path):
    png = _png(7, 5, 90)

    write_tensorboard_image(tmp_path, "accuracies", png)

    events = _read(tmp_path)
    assert events.Tags()["tensors"] == ["accuracies"]
    (event,) = events.Tensors("accuracies")
    assert list(event.tensor_proto.string_val) == [b"7", b"5", png]
    metadata = events.SummaryMetadata("accuracies")
    assert metadata.plugin_data.plugin_name == "images"


def test_an_image_has_the_time_at_which_it_was_drawn(tmp_path):
    before = time.time()

    write_tensorboard_image(tmp_path, "accuracies", _png(2, 2, 0))

    (event,) = _read(tmp_path).Tensors("accuracies")
    assert before <= event.wall_time <= time.time()


def test_drawing_twice_leaves_one_image_the_second(tmp_path):
    write_tensorboard_image(tmp_path, "accuracies", _png(2, 2, 0))
    second = _png(2, 2, 255)

    write_tensorboard_image(tmp_path, "accuracies", second)

    (event,) = _read(tmp_path).Tensors("accuracies")
    assert event.tensor_proto.string_val[2] == second
    assert len(list(tmp_path.iterdir())) == 1


def test_drawing_one_figure_again_leaves_the_others(tmp_path):
    write_tensorboard_image(tmp_path, "accuracies", _png(2, 2, 0))
    write_tensorboard_image(tmp_path, "progress", _png(3, 2, 0))

    write_tensorboard_image(tmp_path, "progress", _png(4, 2, 0))

    assert sorted(_read(tmp_path).Tags()["tensors"]) == ["accuracies", "progress"]
