"""Drawings by character and drawer, and one-shot runs: what is loaded from where."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.data import source
from cai_keras.data.builders.omniglot_drawings import OmniglotDrawings, check_archives
from cai_keras.data.builders.omniglot_one_shot import OmniglotOneShot, check_runs
from cai_keras.data.loaded import LoadedData
from cai_keras.data.source import (
    data_root,
    open_catalogue,
    open_embedded,
    open_folder,
    read_split,
)
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError

NUM_DRAWERS = 20
WAYS = 20
# The background set as published: 30 alphabets, 964 characters, 20 drawers each.
_BACKGROUND = (30, 964)


@dataclass(frozen=True)
class Drawings:
    """Every drawing of some characters, the characters of an alphabet side by side.

    Attributes:
        images: uint8 (characters, 20, side, side), ink 255 and paper 0.
        alphabets: int (characters,), non-decreasing.
        names: of the alphabets.
    """

    images: np.ndarray
    alphabets: np.ndarray
    names: tuple[str, ...]

    @property
    def sizes(self) -> np.ndarray:
        """Number of characters of each alphabet."""
        return np.bincount(self.alphabets, minlength=len(self.names))

    @property
    def starts(self) -> np.ndarray:
        """Index of the first character of each alphabet."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    @property
    def flat(self) -> np.ndarray:
        """(characters * 20, side, side): drawing d of character c at c * 20 + d."""
        return self.images.reshape(-1, *self.images.shape[2:])

    def only(self, chosen: list[int]) -> "Drawings":
        """The drawings of some alphabets."""
        keep = np.isin(self.alphabets, chosen)
        _, renumbered = np.unique(self.alphabets[keep], return_inverse=True)
        names = tuple(self.names[index] for index in sorted(chosen))
        return Drawings(self.images[keep], renumbered, names)


@dataclass(frozen=True)
class OneShotRuns:
    """Lake's protocol: in each run 20 items are matched to 20 classes, one image each.

    Attributes:
        items, classes: uint8 (runs, 20, side, side), ink 255.
        answers: int (runs, 20), for each item the index of its class.
    """

    items: np.ndarray
    classes: np.ndarray
    answers: np.ndarray


@dataclass(frozen=True)
class OneShotData:
    """Training and validation alphabets, test alphabets, and the test's runs."""

    train: Drawings
    validation: Drawings
    test: Drawings
    runs: OneShotRuns
    info: LoadedData


@lru_cache(maxsize=2)  # variants and seeds share it
def load(spec_text: str, side: int, num_validation: int) -> OneShotData:
    """Loads everything that a variant needs.

    Args:
        spec_text: `embedded:glyphs`, `folder:PATH` with Omniglot's zips, or
            `tfds:omniglot` with Lake's runs in TFDS's manual folder.
        side: images are reduced to side x side pixels by averaging.
        num_validation: alphabets held out of the background set, evenly spaced among
            those with at least 20 characters.
    Raises:
        DataError, UsageError: what is missing or damaged, and the fix.
    """
    spec = DataSpec.parse(spec_text)
    if spec.kind == "embedded":
        builder = open_embedded(spec)
        if "alphabet" not in builder.info.features:
            raise UsageError(f"data spec {spec}: has no alphabets; try embedded:glyphs")
        test = read_drawings(builder, "test", side)
        runs = make_runs(test, 20, np.random.default_rng(0))
        name = builder.name
    elif spec.kind == "folder":
        builder = open_folder(OmniglotDrawings, spec.folder)
        if "test" not in builder.info.splits:
            raise DataError(
                f"{spec.folder}: no images_evaluation.zip of Omniglot there"
            )
        test = read_drawings(builder, "test", side)
        runs = read_runs(open_folder(OmniglotOneShot, spec.folder), side)
        name = "omniglot"
    else:
        builder = open_catalogue(spec)
        test = read_drawings(builder, "test", side)
        runs = read_runs(open_folder(OmniglotOneShot, manual_folder()), side)
        name = builder.name
    background = read_drawings(builder, "train", side)
    found = (len(background.names), len(background.images))
    if name == "omniglot" and found != _BACKGROUND:
        # A subset such as small1 must not pass for the paper's background set.
        name = "omniglot_subset"
    train, validation = hold_out(background, num_validation)
    info = LoadedData(
        name=name,
        version=str(builder.version),
        examples={
            "train": len(train.flat),
            "validation": len(validation.flat),
            "test": len(test.flat),
            "one_shot_trials": runs.answers.size,
        },
    )
    return OneShotData(train, validation, test, runs, info)


def read_drawings(builder: tfds.core.DatasetBuilder, split: str, side: int) -> Drawings:
    """Reads a split of our builders, or of TFDS's `omniglot`.

    TFDS's set does not say who drew an image: its drawers are numbered in stored
    order within each character.
    """
    key = "character" if "character" in builder.info.features else "alphabet_char_id"
    by_character: dict[tuple, list] = {}
    for example in tfds.as_numpy(read_split(builder, split)):
        drawer = int(example.get("drawer", 0))
        owner = (_text(example["alphabet"]), int(example[key]))
        image = reduce_image(255 - example["image"][..., 0], side)
        by_character.setdefault(owner, []).append((drawer, image))
    if not by_character:
        raise DataError(f"{builder.name}: split {split!r} is empty")
    for owner, drawn in by_character.items():
        if len(drawn) != NUM_DRAWERS:
            raise DataError(
                f"{builder.name}: character {owner[1]} of {owner[0]} has {len(drawn)} "
                f"drawings, expected {NUM_DRAWERS}"
            )
    owners = sorted(by_character)
    names = sorted({alphabet for alphabet, _ in owners})
    images = [
        np.stack([image for _, image in sorted(by_character[o], key=lambda d: d[0])])
        for o in owners
    ]
    alphabets = np.array([names.index(alphabet) for alphabet, _ in owners])
    return Drawings(np.stack(images), alphabets, tuple(names))


def read_runs(builder: tfds.core.DatasetBuilder, side: int) -> OneShotRuns:
    """Reads Lake's twenty runs."""
    items, classes, answers = [], [], []
    for example in tfds.as_numpy(read_split(builder, "test")):
        items.append([reduce_image(255 - i[..., 0], side) for i in example["items"]])
        classes.append(
            [reduce_image(255 - i[..., 0], side) for i in example["classes"]]
        )
        answers.append(example["answers"])
    return OneShotRuns(np.array(items), np.array(classes), np.array(answers))


def make_runs(
    drawings: Drawings, num_runs: int, rng: np.random.Generator
) -> OneShotRuns:
    """One-shot runs like Lake's: 20 characters of one alphabet, two drawers.

    Alphabets take turns; those with fewer than 20 characters are passed over.
    """
    large = np.flatnonzero(drawings.sizes >= WAYS)
    if len(large) == 0:
        raise DataError("no alphabet has 20 characters: no 20-way run can be made")
    items, classes, answers = [], [], []
    for run in range(num_runs):
        alphabet = large[run % len(large)]
        chosen = rng.choice(drawings.sizes[alphabet], WAYS, replace=False)
        characters = drawings.starts[alphabet] + chosen
        first, second = rng.choice(NUM_DRAWERS, 2, replace=False)
        order = rng.permutation(WAYS)
        items.append(drawings.images[characters[order], first])
        classes.append(drawings.images[characters, second])
        answers.append(order)
    return OneShotRuns(np.array(items), np.array(classes), np.array(answers))


def hold_out(drawings: Drawings, count: int) -> tuple[Drawings, Drawings]:
    """Splits off `count` alphabets, evenly spaced among those of 20 or more."""
    large = np.flatnonzero(drawings.sizes >= WAYS)
    if not 0 < count <= len(large):
        raise UsageError(
            f"data.validation_alphabets: {count}; expected 1 to {len(large)}"
        )
    positions = (np.arange(count) + 0.5) * len(large) / count
    held = [int(index) for index in large[positions.astype(int)]]
    rest = [index for index in range(len(drawings.names)) if index not in held]
    return drawings.only(rest), drawings.only(held)


def reduce_image(image: np.ndarray, side: int) -> np.ndarray:
    """Averages an image down to side x side; uint8."""
    if image.shape == (side, side):
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def manual_folder() -> Path:
    """TFDS's folder for files that users fetch themselves; made if missing."""
    folder = data_root() / "downloads" / "manual"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def problems_of(spec_text: str) -> list[str]:
    """What keeps this paper from training on a spec, each with its fix."""
    spec = DataSpec.parse(spec_text)
    problems = [] if spec.kind == "folder" else source.problems_of(spec_text)
    if spec.kind == "embedded":
        return problems
    folder = spec.folder if spec.kind == "folder" else manual_folder()
    checks = [check_runs]
    if spec.kind == "folder":
        checks.insert(0, check_archives)
    for check in checks:
        try:
            check(folder)
        except DataError as error:
            problems.append(str(error))
    return problems
