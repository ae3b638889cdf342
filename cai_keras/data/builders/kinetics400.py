"""Kinetics-400 from video files or folders of frames, which users fetch themselves."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from cai_keras.errors import DataError

NUM_CLASSES = 400
SPLITS = ("train", "validation")
# Shorter side: the largest that papers resize training clips to.
_SIDE = 320
_SCALE = f"scale='if(gt(iw,ih),-2,{_SIDE})':'if(gt(iw,ih),{_SIDE},-2)'"


class Kinetics400(tfds.core.GeneratorBasedBuilder):
    """Kinetics-400: ten seconds of one of 400 human actions.

    The manual folder holds kinetics400/train/CLASS/CLIP and
    kinetics400/validation/CLASS/CLIP, where CLIP is a video file (read with ffmpeg,
    shorter side 320) or a folder of JPEG files, one for each frame, taken as they are.
    Labels count the folders of `train` in alphabetical order. Stored for random
    access: a clip can be read without those before it.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put kinetics400/train/CLASS/CLIP and kinetics400/validation/CLASS/CLIP into "
        "the manual folder, each CLIP a video file or a folder of JPEG files."
    )

    def __init__(self, **options):
        super().__init__(**{"file_format": "array_record", **options})

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "video": tfds.features.Video(
                        shape=(None, None, None, 3),
                        encoding_format="jpeg",
                        ffmpeg_extra_args=("-vf", _SCALE, "-q:v", "3"),
                    ),
                    "label": tfds.features.ClassLabel(num_classes=NUM_CLASSES),
                }
            ),
            homepage="https://github.com/cvdfoundation/kinetics-dataset",
            citation="Kay et al.: The Kinetics Human Action Video Dataset. "
            "arXiv:1705.06950, 2017",
        )

    def _split_generators(self, dl_manager):
        folder = Path(dl_manager.manual_dir) / "kinetics400"
        classes = _names_in(folder / "train")
        if len(classes) > NUM_CLASSES:
            raise DataError(
                f"{folder / 'train'}: {len(classes)} classes, expected {NUM_CLASSES}"
            )
        return {s: self._generate_examples(folder / s, classes) for s in SPLITS}

    def _generate_examples(
        self, folder: Path, classes: list[str]
    ) -> Iterator[tuple[str, dict]]:
        for name in _names_in(folder):
            if name not in classes:
                raise DataError(f"{folder / name}: no such class in train")
            for clip in _names_in(folder / name):
                example = {
                    "video": _video_of(folder / name / clip),
                    "label": classes.index(name),
                }
                yield f"{name}/{clip}", example


def _video_of(clip: Path) -> str | list[str]:
    """What TFDS's video feature takes: a file, or the files of all frames."""
    if clip.is_file():
        return str(clip)
    frames = sorted(str(path) for path in clip.glob("*.jp*g"))
    if not frames:
        raise DataError(f"{clip}: holds no JPEG file")
    return frames


def _names_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        fix = Kinetics400.MANUAL_DOWNLOAD_INSTRUCTIONS
        raise DataError(f"{folder}: no such folder. {fix}")
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
