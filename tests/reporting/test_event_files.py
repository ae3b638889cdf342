"""Event files, read back by TensorBoard's own reader."""

import io
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.io_wrapper import IsTensorFlowEventsFile
from tensorboard.plugins.hparams import metadata as hparams_metadata

from cai_keras.errors import UsageError
from cai_keras.reporting import event_files
from cai_keras.reporting.event_files import (
    Hyperparameters,
    Image,
    Scalars,
    Text,
    read_png,
    remove_events,
    write_events,
)


def _png(width: int, height: int, grey: int = 0) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((height, width), grey, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def _read(folder) -> EventAccumulator:
    everything = {"tensors": 0, "scalars": 0}
    return EventAccumulator(str(folder), size_guidance=everything).Reload()


def _points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(tag)]


def _names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_curve_is_read_back_with_steps_and_values(tmp_path):
    loss, error = Scalars("train/a", {2: 0.5, 4: 0.25}), Scalars("test/b", {4: -1.0})

    write_events(tmp_path, [loss, error])

    events = _read(tmp_path)
    assert sorted(events.Tags()["scalars"]) == ["test/b", "train/a"]
    assert _points(events, "train/a") == [(2, 0.5), (4, 0.25)]
    assert _points(events, "test/b") == [(4, -1.0)]


@given(st.dictionaries(st.integers(0, 2**62), st.floats(width=32, allow_nan=False)))
def test_any_curve_is_read_back_in_the_order_of_its_steps(tmp_path_factory, points):
    folder = tmp_path_factory.mktemp("events")

    write_events(folder, [Scalars("a", points)])

    events = _read(folder)
    found = _points(events, "a") if points else []
    assert found == sorted(points.items())


def test_an_image_is_read_back_byte_for_byte_with_its_size(tmp_path):
    png = _png(7, 5, 90)

    write_events(tmp_path, [Image("figures/a", png)])

    events = _read(tmp_path)
    (event,) = events.Tensors("figures/a")
    assert list(event.tensor_proto.string_val) == [b"7", b"5", png]
    content = events.SummaryMetadata("figures/a")
    assert content.plugin_data.plugin_name == "images"


def test_a_text_is_read_back(tmp_path):
    write_events(tmp_path, [Text("a_paper", "**±**")])

    events = _read(tmp_path)
    (event,) = events.Tensors("a_paper")
    assert event.tensor_proto.string_val[0].decode() == "**±**"
    assert events.SummaryMetadata("a_paper").plugin_data.plugin_name == "text"


def test_hyperparameters_are_a_session_named_as_its_folder(tmp_path):
    values = {"Seed": 3, "rate": 0.5, "norm": "none", "fast": True}

    write_events(tmp_path, [Hyperparameters(values)])

    content = _read(tmp_path).summary_metadata["_hparams_/session_start_info"]
    found = hparams_metadata.parse_session_start_info_plugin_data(
        content.plugin_data.content
    )
    assert found.group_name == ""
    assert found.hparams["Seed"].number_value == 3
    assert found.hparams["rate"].number_value == 0.5
    assert found.hparams["norm"].string_value == "none"
    assert found.hparams["fast"].bool_value is True


def test_the_time_is_that_of_writing(tmp_path):
    before = time.time()

    write_events(tmp_path, [Scalars("a", {1: 0.5})])

    (event,) = _read(tmp_path).Scalars("a")
    assert before <= event.wall_time <= time.time()


def test_equal_content_is_not_written_again(tmp_path):
    assert write_events(tmp_path, [Scalars("a", {1: 0.5})])
    before = _names(tmp_path)

    assert not write_events(tmp_path, [Scalars("a", {1: 0.5})])

    assert _names(tmp_path) == before


@pytest.mark.parametrize(
    "other",
    [
        [Scalars("a", {1: 0.5, 2: 0.5})],
        [Scalars("a", {1: 0.25})],
        [Scalars("b", {1: 0.5})],
        [Scalars("a", {1: 0.5}), Text("t", "x")],
        [],
    ],
)
def test_other_content_replaces_all_that_was_there(tmp_path, other):
    write_events(tmp_path, [Scalars("a", {1: 0.5})])
    (before,) = _names(tmp_path)

    assert write_events(tmp_path, other)

    (after,) = _names(tmp_path)
    assert after > before  # TensorBoard reads files in the order of their names
    tags = _read(tmp_path).Tags()
    assert tags["scalars"] == [p.tag for p in other if isinstance(p, Scalars)]


def test_a_reader_of_the_old_file_has_only_the_new_points_afterwards(tmp_path):
    write_events(tmp_path, [Scalars("a", {1: 0.5, 3: 0.25, 9: 0.125})])
    events = _read(tmp_path)

    write_events(tmp_path, [Scalars("a", {2: 8.0, 3: 16.0})])

    assert _points(events.Reload(), "a") == [(2, 8.0), (3, 16.0)]


def test_tensorboard_never_sees_half_a_file(tmp_path, monkeypatch):
    write_events(tmp_path, [Scalars("a", {1: 0.5})])
    seen = []

    def look(half, target):
        seen.extend(path.name for path in tmp_path.iterdir())
        raise OSError("killed before the file had its name")

    monkeypatch.setattr(type(tmp_path), "replace", look)
    with pytest.raises(OSError, match="killed"):
        write_events(tmp_path, [Scalars("a", {1: 0.75})])
    monkeypatch.undo()

    assert len(seen) == 2
    assert sum(map(IsTensorFlowEventsFile, seen)) == 1
    assert _points(_read(tmp_path), "a") == [(1, 0.5)]
    assert len(_names(tmp_path)) == 1


def test_a_file_that_lost_its_content_is_written_again(tmp_path):
    write_events(tmp_path, [Scalars("a", {1: 0.5})])
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"")

    assert write_events(tmp_path, [Scalars("a", {1: 0.5})])

    assert _points(_read(tmp_path), "a") == [(1, 0.5)]


def test_two_files_are_reduced_to_one(tmp_path):
    write_events(tmp_path, [Scalars("a", {1: 0.5})])
    (path,) = tmp_path.iterdir()
    *_, digest = path.name.rpartition(".")
    copy = path.with_name(f"events.out.tfevents.1.cai.{digest}")
    copy.write_bytes(path.read_bytes())

    write_events(tmp_path, [Scalars("a", {1: 0.5})])

    assert len(_names(tmp_path)) == 1


def test_only_own_files_are_removed(tmp_path):
    write_events(tmp_path, [Scalars("a", {1: 0.5})])
    foreign = tmp_path / "events.out.tfevents.1795418485.host.1.0.v2"
    foreign.touch()

    assert remove_events(tmp_path)
    assert not remove_events(tmp_path)

    assert _names(tmp_path) == [foreign.name]


def test_writing_does_not_load_tensorflow(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from cai_keras.reporting.event_files import *\n"
        "parts = [Scalars('a', {1: 0.5}), Text('t', 'x'), Hyperparameters({'b': 1})]\n"
        f"write_events(Path({str(tmp_path)!r}), parts)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert len(_names(tmp_path)) == 1


def test_a_png_is_read_as_it_is(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(_png(3, 2))

    assert read_png(path) == _png(3, 2)


@pytest.mark.parametrize("content", [b"", b"no picture", _png(9, 9)[:-20]])
def test_what_is_no_whole_png_is_named(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)

    with pytest.raises(UsageError, match=r"a\.png: not a readable PNG"):
        read_png(path)


def test_the_half_written_name_is_none_that_tensorboard_reads():
    assert not IsTensorFlowEventsFile(event_files._HALF)
