"""From a data spec to a prepared TFDS builder.

Embedded sets and folders are prepared on first use, in the TFDS data folder
(`TFDS_DATA_DIR`, else TFDS's own default). TFDS sets of the catalogue are never
downloaded by surprise: `cai data prepare` does that.
"""

import contextlib
import fcntl
import hashlib
import io
import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import absl.logging
import tensorflow_datasets as tfds

# TFDS finds these by name.
from cai_keras.data.builders import (  # noqa: F401
    isbi2012_em,
    kinetics400,
    style_pictures,
    taskonomy,
    taskonomy_affinities,
    voc_segmentation,
)
from cai_keras.data.builders.cells import Cells
from cai_keras.data.builders.context_scenes import ContextScenes
from cai_keras.data.builders.digits import Digits
from cai_keras.data.builders.glyphs import Glyphs
from cai_keras.data.builders.pictures import Pictures
from cai_keras.data.builders.scenes import Scenes
from cai_keras.data.builders.shapes import Shapes
from cai_keras.data.builders.task_tournament import TaskTournament
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError, choose, nearest

_LOG = logging.getLogger(__name__)

EMBEDDED = {
    "cells": Cells,
    "context_scenes": ContextScenes,
    "digits": Digits,
    "glyphs": Glyphs,
    "pictures": Pictures,
    "scenes": Scenes,
    "shapes": Shapes,
    "task_tournament": TaskTournament,
}


def data_root() -> Path:
    """The folder in which TFDS keeps prepared data sets."""
    from tensorflow_datasets.core import constants  # the resolved default

    return Path(os.environ.get("TFDS_DATA_DIR") or constants.DATA_DIR).expanduser()


def open_embedded(spec: DataSpec) -> tfds.core.DatasetBuilder:
    """The prepared builder of an `embedded:` set, NAME or NAME/CONFIG."""
    builder_class, config = find_embedded(spec)
    builder = builder_class(config=config, data_dir=data_root())
    _prepare(builder, None)
    return builder


def find_embedded(spec: DataSpec) -> tuple[type[tfds.core.DatasetBuilder], str | None]:
    """The class of an embedded set and the name of its config, the first by default.

    Raises:
        UsageError: there is no such set or config; names the nearest.
    """
    name, slash, config = spec.value.partition("/")
    builder_class = choose(f"data spec {spec}", name, EMBEDDED)
    configs = {known.name: known for known in builder_class.BUILDER_CONFIGS}
    if slash and not configs:
        raise UsageError(f"data spec {spec}: {name} has no configs")
    default = next(iter(configs), None)
    if slash:
        choose(f"data spec {spec}", config, configs)
    return builder_class, config or default


def open_folder(builder_class, folder: Path) -> tfds.core.DatasetBuilder:
    """A builder over files that the user has, prepared once for each content.

    The prepared copy is keyed by the names and the content of the files in
    `folder`, so that changed files are never answered from an old copy.
    """
    if not any(folder.iterdir()):
        fix = builder_class.MANUAL_DOWNLOAD_INSTRUCTIONS
        raise DataError(f"{folder}: is empty. {fix}")
    key = _fingerprint(folder)
    builder = builder_class(data_dir=data_root() / "folders" / key)
    _prepare(builder, folder)
    return builder


def open_catalogue(spec: DataSpec) -> tfds.core.DatasetBuilder:
    """The builder of a `tfds:` spec; reading it fails where it is not prepared."""
    try:
        return tfds.builder(spec.value, data_dir=str(data_root()))
    except tfds.core.DatasetNotFoundError:
        raise UsageError(f"data spec {spec}: TFDS has no such data set") from None


def read_split(builder: tfds.core.DatasetBuilder, split: str):
    """`split` as a tf.data pipeline in stored order.

    Raises:
        DataError: the set is not prepared, or has no such split; names the fix.
    """
    try:
        return builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=tfds.ReadConfig(interleave_cycle_length=1),
        )
    except (AssertionError, FileNotFoundError):
        name = _full_name(builder)
        raise DataError(
            f"tfds:{name} is not prepared in {builder.data_dir}; "
            f"run: cai data prepare tfds:{name}"
        ) from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{builder.name}: split {split!r}: {reason}") from None


def open_records(builder: tfds.core.DatasetBuilder, split: str):
    """The serialised examples of `split`, any of which can be read at any time.

    Raises:
        DataError: the set is not prepared in a format with random access, or has no
            such split; names the fix.
    """
    known = builder.info.splits
    if known and split.partition("[")[0] not in known:
        raise DataError(f"{builder.name}: no split {split!r}; {nearest(split, known)}")
    try:
        return builder.as_data_source(
            split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
        )
    # A set that was never prepared may have no splits at all: a KeyError.
    except (NotImplementedError, AssertionError, FileNotFoundError, KeyError):
        raise DataError(
            f"tfds:{_full_name(builder)} is not prepared for random access in "
            f"{data_root()}; run: {_how_to_prepare(builder)}"
        ) from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{builder.name}: split {split!r}: {reason}") from None


def _full_name(builder: tfds.core.DatasetBuilder) -> str:
    config = builder.builder_config
    return f"{builder.name}/{config.name}" if config else builder.name


def _how_to_prepare(builder: tfds.core.DatasetBuilder) -> str:
    name = _full_name(builder)
    if type(builder).__module__.startswith("cai_keras."):  # unknown to TFDS's own tool
        return f"cai data prepare tfds:{name}"
    return f"tfds build {name} --file_format=array_record --data_dir={data_root()}"


def download(spec: DataSpec) -> tfds.core.DatasetBuilder:
    """Downloads and prepares a `tfds:` set. TFDS shows its own progress.

    Raises:
        DataError: the download failed, or manual files are missing.
    """
    builder = open_catalogue(spec)
    try:
        with _lock(Path(builder.data_dir)):
            builder.download_and_prepare()
    except (OSError, AssertionError, RuntimeError, ValueError) as error:
        first, *rest = str(error).strip().splitlines()
        # TFDS announces the instructions for manual files in a line of their own.
        shown = f"{first} {rest[0]}" if first.endswith(":") and rest else first
        raise DataError(f"{spec}: {shown}") from error
    return builder


def _prepare(builder: tfds.core.DatasetBuilder, manual_dir: Path | None) -> None:
    if builder.is_prepared():
        return
    config = tfds.download.DownloadConfig(
        manual_dir=str(manual_dir) if manual_dir else None,
        try_download_gcs=False,
        register_checksums=False,
    )
    with _lock(Path(builder.data_dir)), _quiet():
        if not builder.is_prepared():
            _LOG.info("preparing %s, once", builder.name)
            builder.download_and_prepare(download_config=config)
        elif not builder.info.splits:
            # Another process prepared it after this builder had looked.
            builder.info.read_from_directory(builder.data_dir)


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    """One process prepares, others wait: TFDS itself fails in that race."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with open(data_dir.parent / f".{data_dir.name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """TFDS's bars and notes are meant for downloads; these sets take seconds.

    Python's random state is kept as well: TFDS draws a folder name from it, and
    weights that are initialised later must not depend on who prepared the data.
    """
    state = random.getstate()
    tfds.disable_progress_bar()
    before = absl.logging.get_verbosity()
    level = absl.logging.get_absl_logger().level
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        random.setstate(state)
        absl.logging.set_verbosity(before)
        # `cai` raises it behind the verbosity's back; that would be undone.
        absl.logging.get_absl_logger().setLevel(level)
        tfds.enable_progress_bar()


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def problems_of(spec_text: str) -> list[str]:
    """What keeps a spec from being read, each with its fix; empty if nothing does."""
    spec = DataSpec.parse(spec_text)
    if spec.kind == "embedded":
        find_embedded(spec)
        return []
    if spec.kind == "folder":
        return [] if any(spec.folder.iterdir()) else [f"{spec.folder}: is empty"]
    builder = open_catalogue(spec)
    if builder.is_prepared():
        return []
    return [
        f"tfds:{spec.value} is not prepared in {builder.data_dir}; "
        f"run: cai data prepare tfds:{spec.value}"
    ]


def state_of(spec_text: str) -> str:
    """`ready`, `made on first use`, or `missing`, without reading any data."""
    spec = DataSpec.parse(spec_text)
    if spec.kind == "folder":
        return "ready" if Path(spec.value).expanduser().is_dir() else "missing"
    place = spec.value
    if place in EMBEDDED and spec.kind == "embedded":
        place = "/".join([place, *filter(None, find_embedded(spec)[1:])])
    found = any((data_root() / place).rglob("dataset_info.json"))
    if found:
        return "ready"
    return "made on first use" if spec.kind == "embedded" else "missing"
