"""What a trained run leaves for people: figures, embeddings, networks to load."""

from collections.abc import Mapping

import keras

from cai_keras.data.picture_files import picture_bytes
from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.pictures import png_bytes
from cai_keras.reporting.progress_pictures import write_progress
from cai_keras.reporting.projector import write_projector
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.failures import writing
from cai_keras.training.preparation import batch_norm_layers
from cai_keras.training.run_log import RunLog


def draw_figures(
    experiment: Experiment, folder: RunFolder, log: RunLog, step: int
) -> None:
    """The run's own figures, as files and for TensorBoard."""
    for name, draw in experiment.figures.items():
        try:
            png = png_bytes(draw())
        except NothingToDraw as reason:
            log.message(f"figure {name}: {reason}")
            continue
        with writing(folder.figures):
            write_atomic(folder.figures / f"{name}.png", png)
        log.figure("figures", step, name, png)


def show_progress(phase: Phase, folder: RunFolder, log: RunLog, step: int) -> None:
    """The phase's pictures as they are now, for TensorBoard and as files."""
    for name, picture in phase.progress.items():
        png = picture_bytes(picture(), ".png")
        log.figure("train", step, name, png)
        with writing(folder.progress):
            write_progress(folder, name, step, png)


def write_embeddings(experiment: Experiment, folder: RunFolder) -> None:
    """The run's embeddings for TensorBoard's projector."""
    embeddings = {name: compute() for name, compute in experiment.embeddings.items()}
    if embeddings:
        path = folder.tensorboard / "embeddings"
        with writing(path):
            write_projector(path, embeddings)


def export_networks(networks: Mapping[str, keras.Model], folder: RunFolder) -> None:
    """Whole networks, so that others can load them with Keras alone."""
    path = folder.checkpoints
    for layer in batch_norm_layers(networks.values()):
        layer.synchronized = False  # other backends refuse to load it
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        for name, network in networks.items():
            half = path / f".half.{name}.keras"
            try:
                network.save(half)
                half.replace(path / f"{name}.keras")
            finally:
                half.unlink(missing_ok=True)
