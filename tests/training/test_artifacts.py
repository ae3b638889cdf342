"""What a finished run leaves beside its record: here, its embeddings."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from cai_keras.errors import RunError
from cai_keras.reporting.progress_pictures import progress_of
from cai_keras.reporting.projector import Embeddings
from cai_keras.training.run_log import RunLog


def _with_embeddings(**embeddings):
    def change(experiment):
        return dataclasses.replace(experiment, embeddings=embeddings)

    return change


def test_a_run_writes_its_embeddings_for_the_projector(tiny, paper, tmp_path):
    vectors = np.array([[1.0, 2.0], [3.0, 4.0]])
    points = Embeddings(vectors, {"label": ["a", "b"]})
    change = _with_embeddings(points=lambda: points)
    session = tiny.Session(paper, tmp_path / "runs", change)

    session.run("train.steps=2")

    folder = session.folder.tensorboard / "embeddings"
    config = (folder / "projector_config.pbtxt").read_text()
    (entry,) = text_format.Parse(config, ProjectorConfig()).embeddings
    assert entry.tensor_name == "points"
    np.testing.assert_array_equal(np.loadtxt(folder / entry.tensor_path), vectors)


def test_embeddings_are_those_of_the_trained_weights(tiny, paper, tmp_path):
    seen = []

    def compute():
        seen.append(tiny.state_of(session.experiment))
        return Embeddings(np.ones((1, 1)))

    session = tiny.Session(paper, tmp_path / "runs", _with_embeddings(points=compute))

    session.run("train.steps=2")

    (state,) = seen
    tiny.assert_same_state(state, session.state)


def test_a_run_without_embeddings_has_no_folder_for_them(tiny, paper, tmp_path):
    session = tiny.Session(paper, tmp_path / "runs")

    session.run("train.steps=2")

    assert not (session.folder.tensorboard / "embeddings").exists()


def test_an_experiment_that_cannot_compute_them_fails_as_a_run(tiny, paper, tmp_path):
    # As any other error after training: the record says what and where.
    change = _with_embeddings(points=lambda: Embeddings(np.ones(3)))
    session = tiny.Session(paper, tmp_path / "runs", change)

    with pytest.raises(RunError, match="vectors: expected"):
        session.run("train.steps=2")

    assert session.record.state == "failed"
    assert "vectors: expected (n, d)" in session.record.reason


def test_hyperparameters_of_a_run_name_seed_variant_and_scale(
    tiny, paper, tmp_path, monkeypatch
):
    written = []
    monkeypatch.setattr(
        RunLog, "hyperparameters", lambda self, values: written.append(values)
    )

    tiny.Session(paper, tmp_path / "runs").run("train.steps=2")

    (values,) = written
    found = {key: values[key] for key in ("Paper", "Scale", "Seed", "Variant")}
    assert found == {"Paper": "tiny", "Scale": "paper", "Seed": 0, "Variant": "narrow"}
    assert values["train.steps"] == 2


def _shown_pictures(folder):
    """step -> (height, width, 3) of every progress picture, by TensorBoard's reader."""
    reader = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {
        event.step: tf.io.decode_png(event.tensor_proto.string_val[2]).numpy()[..., :3]
        for event in reader.Tensors("figures/picture")
    }


def test_a_phase_shows_its_pictures_whenever_validation_is_due(tiny, paper, tmp_path):
    shown = iter([0.0, 1.0, 0.2])

    def change(experiment):
        (phase,) = experiment.phases
        picture = {"picture": lambda: np.full((2, 3, 3), next(shown))}
        phase = dataclasses.replace(phase, progress=picture)
        return dataclasses.replace(experiment, phases=(phase,))

    session = tiny.Session(paper, tmp_path / "runs", change)

    session.run("train.steps=12")  # evaluate_every: 4

    found = _shown_pictures(session.folder.tensorboard / "train")
    assert {step: picture.tolist() for step, picture in found.items()} == {
        4: np.full((2, 3, 3), 0).tolist(),
        8: np.full((2, 3, 3), 255).tolist(),
        12: np.full((2, 3, 3), 51).tolist(),
    }
    files = progress_of(session.folder, "picture")
    levels = {step: np.asarray(Image.open(path)) for step, path in files.items()}
    assert {step: level.max() for step, level in levels.items()} == {
        4: 0,
        8: 255,
        12: 51,
    }
