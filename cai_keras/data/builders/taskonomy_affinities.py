"""Taskonomy's published affinities and win rates, which users fetch themselves."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from cai_keras.data.task_transfers import Transfer, read_transfers
from cai_keras.errors import DataError

# Kind -> how its files are called, before the suffix of a split.
KINDS = {
    "affinity": "all_affinities",
    "quality": "wins_vs_task",
    "gain": "wins_vs_pixels",
}
# Split -> suffix of its files: the images that transfers were trained on, where the
# authors say so. `base` has three damaged targets.
SPLITS = {"images_16k": "_16k", "images_1k": "_1k", "base": ""}
FIX = (
    "Put all_affinities_16k, wins_vs_task_16k and wins_vs_pixels_16k of "
    "github.com/StanfordVL/taskonomy (results/affinities and results/winrates), as "
    ".pkl or converted to .json, into the manual folder, or into "
    "taskonomy_affinities in it."
)
# Transfers of the published affinities of 16,000 images.
PUBLISHED_COUNT = 1_758


class TaskonomyAffinities(tfds.core.GeneratorBasedBuilder):
    """How well networks transfer between 26 vision tasks (Zamir et al. 2018).

    kind: affinity, quality (win rate against the target's own network) or gain
    (against a network trained from pixels). sources: names, joined by "__"; `self` is
    the target's own network. value: the shortest decimal number that is it in float64
    (TFDS keeps numbers as float32).
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = FIX

    def _info(self) -> tfds.core.DatasetInfo:
        return transfer_info(
            self,
            homepage="http://taskonomy.stanford.edu",
            citation="Zamir et al.: Taskonomy: Disentangling task transfer learning. "
            "CVPR 2018",
        )

    def _split_generators(self, dl_manager):
        folder = folder_of(Path(dl_manager.manual_dir))
        return {
            split: transfer_examples(read_split(folder, split))
            for split in SPLITS
            if split == "images_16k" or _has_any(folder, split)
        }

    def _generate_examples(self, *_):
        raise NotImplementedError("each split has its generator")


def transfer_info(builder, **texts) -> tfds.core.DatasetInfo:
    """What a builder of transfers says of itself."""
    features = {
        "kind": tfds.features.Text(),
        "sources": tfds.features.Text(),
        "target": tfds.features.Text(),
        "value": tfds.features.Text(),
    }
    return builder.dataset_info_from_configs(
        description=type(builder).__doc__,
        features=tfds.features.FeaturesDict(features),
        disable_shuffling=True,
        **texts,
    )


def transfer_examples(
    tables: dict[str, list[Transfer]],
) -> Iterator[tuple[int, dict]]:
    """Examples of a builder of transfers, kind after kind."""
    number = 0
    for kind, transfers in tables.items():
        for transfer in transfers:
            yield (
                number,
                {
                    "kind": kind,
                    "sources": "__".join(transfer.sources),
                    "target": transfer.target,
                    "value": repr(transfer.value),
                },
            )
            number += 1


def folder_of(manual_dir: Path) -> Path:
    """Where in the manual folder the files are."""
    own = manual_dir / "taskonomy_affinities"
    return own if own.is_dir() else manual_dir


def read_split(folder: Path, split: str) -> dict[str, list[Transfer]]:
    """Kind -> transfers.

    Raises:
        DataError: a file is missing or damaged; names it and the fix.
    """
    found = {}
    for kind, name in KINDS.items():
        paths = _files(folder, name, split)
        if not paths:
            raise DataError(f"{folder}: no {name}{SPLITS[split]}.json or .pkl. {FIX}")
        found[kind] = read_transfers(paths[0])
    return found


def _files(folder: Path, name: str, split: str) -> list[Path]:
    paths = [folder / f"{name}{SPLITS[split]}{end}" for end in (".json", ".pkl")]
    return [path for path in paths if path.is_file()]


def _has_any(folder: Path, split: str) -> bool:
    return any(_files(folder, name, split) for name in KINDS.values())
