"""Pictures from a run's generator, a batch at a time."""

import dataclasses
from pathlib import Path

import numpy as np

from cai_keras.cli import papers
from cai_keras.cli.output import console
from cai_keras.cli.progress import QuietReporter, make_reporter
from cai_keras.cli.sample_files import Drawn
from cai_keras.cli.sample_request import SampleRequest
from cai_keras.data.picture_files import as_bytes
from cai_keras.errors import DataError, UsageError
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.config import Paper, load_resolved

# Fewer pictures take seconds: nobody waits for their progress.
_MANY = 1000


def load_sampler(folder: RunFolder, paper: Paper, file: Path, batch_size: int | None):
    """The paper's sampler of a run's generator.

    Args:
        file: of the generator.
        batch_size: None: the paper's own.
    Raises:
        DataError: the network's file is damaged.
    """
    import keras

    recipe = load_resolved(folder.config_path, paper.slug)
    # Before the network: importing the paper registers its layers.
    make_sampler = papers.sampler_of(paper)
    try:
        network = keras.saving.load_model(file, compile=False)
    except Exception as error:  # of many kinds
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{file}: cannot be loaded ({reason})") from error
    sampler = make_sampler(recipe, {"generator": network})
    if batch_size is None:
        return sampler
    return dataclasses.replace(sampler, batch_size=batch_size)


def draw(
    sampler, request: SampleRequest, seed: int, latents: np.ndarray | None = None
) -> Drawn:
    """The pictures of a request, as bytes: floats would take four times the memory.

    Args:
        latents: float32 (request.num_vectors or more, size); None: drawn by `seed`.
    Raises:
        UsageError: latent vectors of another size.
    """
    size = sampler.space.size
    if latents is None:
        latents = sampler.space.draw(request.num_vectors, seed)
    elif latents.shape[1] != size:
        raise UsageError(
            f"--latents: expected vectors of {size} numbers, found {latents.shape[1]}"
        )
    latents, labels = latents[request.places], request.labels
    parts, step = [], sampler.batch_size
    is_long = len(latents) >= _MANY
    reporter = make_reporter(console) if is_long else QuietReporter()
    try:
        reporter.start("sample", -(-len(latents) // step), 0, step)
        for first in range(0, len(latents), step):
            rows = slice(first, first + step)
            chosen = None if labels is None else labels[rows]
            parts.append(as_bytes(sampler.pictures(latents[rows], chosen)))
            reporter.advance(len(parts), {})
    finally:
        reporter.stop()
    return Drawn(np.concatenate(parts), latents, labels, sampler.class_names)
