"""The video pipeline on tiny videos of our own, and on TFDS's mocked UCF101."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.cli.papers import find_paper
from cai_keras.data.builders.kinetics400 import Kinetics400
from cai_keras.errors import DataError, UsageError
from reproductions.non_local import data
from reproductions.non_local.clips import (
    ClipShape,
    Videos,
    VideoViews,
    to_pixels,
    training_batches,
)

PAPER = find_paper("non_local")
# Class -> frames of its videos; frame t of a video is as grey as 3 t, its left third
# is white.
VIDEOS = {"archery": (70, 20), "zumba": (64, 66)}


@pytest.fixture(scope="module")
def manual_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manual")
    for split in ("train", "validation"):
        for name, lengths in VIDEOS.items():
            for number, length in enumerate(lengths):
                clip = folder / "kinetics400" / split / name / f"clip{number}"
                clip.mkdir(parents=True)
                for t in range(length):
                    frame = np.full((24, 48, 3), 3 * t, np.uint8)
                    frame[:, :16] = 255
                    Image.fromarray(frame).save(clip / f"{t:04d}.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def builder(manual_folder):
    made = Kinetics400(data_dir=manual_folder / "tfds")
    config = tfds.download.DownloadConfig(manual_dir=str(manual_folder))
    tfds.disable_progress_bar()
    made.download_and_prepare(download_config=config)
    return made


@pytest.fixture(scope="module")
def videos(builder):
    return Videos(builder, "train")


def numbers_of(clip):
    """Frame numbers of a clip (frames, side, side, 3): grey / 3 on the right."""
    grey = to_pixels(np.asarray(clip)).astype(float)
    darkest = grey.mean(axis=-1).min(axis=(1, 2))
    return np.round(darkest / 3).astype(int)


# The builder


def test_kinetics_has_the_classes_in_alphabetical_order(builder):
    rows = builder.as_data_source("train")

    assert builder.info.name == "kinetics400"
    found = sorted((int(row["label"]), len(row["video"])) for row in rows)
    assert found == [(0, 20), (0, 70), (1, 64), (1, 66)]


def test_a_class_that_only_validation_has_is_refused(tmp_path):
    for path in ("train/a/clip", "validation/b/clip"):
        folder = tmp_path / "kinetics400" / path
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "0.jpg")
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path))

    with pytest.raises(DataError, match="validation/b: no such class in train"):
        Kinetics400(data_dir=tmp_path).download_and_prepare(download_config=config)


def test_a_clip_without_frames_is_refused(tmp_path):
    (tmp_path / "kinetics400" / "train" / "a" / "clip").mkdir(parents=True)
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path))

    with pytest.raises(DataError, match="train/a/clip: holds no JPEG file"):
        Kinetics400(data_dir=tmp_path).download_and_prepare(download_config=config)


# Reading


@pytest.mark.parametrize(
    ("place", "first"),
    # 64 frames have 3 places in a video of 66: 0, 1, 2.
    [(0.0, 0), (0.4, 1), (0.99, 2), (1.0, 2)],
)
def test_a_clip_starts_at_a_place_between_both_ends(videos, place, first):
    index = [len(videos._source[n]["video"]) for n in range(4)].index(66)

    frames, label = videos.read(index, count=32, stride=2, place=place)

    all_frames = videos._source[index]["video"]
    assert label == 1
    assert list(frames) == [all_frames[n] for n in range(first, first + 64, 2)]


def test_a_video_shorter_than_a_clip_starts_again(videos):
    index = [len(videos._source[n]["video"]) for n in range(4)].index(20)

    frames, _ = videos.read(index, count=32, stride=2, place=0.7)

    all_frames = videos._source[index]["video"]
    assert list(frames) == [all_frames[n % 20] for n in range(0, 64, 2)]


def test_a_set_that_is_not_prepared_names_the_command(tmp_path):
    empty = tfds.builder("ucf101/ucf101_1", data_dir=str(tmp_path))

    with pytest.raises(DataError, match="tfds build ucf101/ucf101_1 --file_format=arr"):
        Videos(empty, "train")


def test_the_doctor_names_it_too(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    (problem,) = data.problems_of("tfds:kinetics400")

    assert "tfds build kinetics400" in problem
    assert data.problems_of("embedded:moving_dots") == []


# Training


@pytest.fixture(scope="module")
def batches(videos):
    return training_batches(videos, ClipShape(32, 2, 20), (24, 30), 4, seed=1)


def test_a_training_clip_is_every_second_of_64_frames(batches):
    batch = next(iter(batches(0)))

    assert batch["clip"].shape == (4, 32, 20, 20, 3)
    steps = [np.diff(numbers_of(clip)) for clip in batch["clip"]]
    # The shortest video has 20 frames and starts again.
    whole = [step for step in steps if (step > 0).all()]
    assert len(whole) == 3
    assert all((step == 2).all() for step in whole)


def test_a_batch_is_a_function_of_its_step_and_rows(batches):
    whole = next(iter(batches(7)))
    part = next(iter(batches(7, range(1, 3))))

    np.testing.assert_array_equal(part["clip"], whole["clip"][1:3])
    np.testing.assert_array_equal(part["label"], whole["label"][1:3])


def test_an_epoch_visits_every_video_once(batches):
    labels = np.sort(next(iter(batches(3)))["label"])

    np.testing.assert_array_equal(labels, [0, 0, 1, 1])


def test_some_clips_are_mirrored_and_whole_clips_are(batches):
    sides = []
    for batch in batches(0).take(6):
        for clip in np.asarray(batch["clip"]):
            edges = to_pixels(clip)[:, :, [0, -1]].mean(axis=(1, 3)) > 240
            assert (edges == edges[0]).all()
            if edges[0].any():
                sides.append(bool(edges[0, 0]))

    assert 0 < sum(sides) < len(sides)


# Testing


def test_views_are_spread_over_the_video_and_over_its_longer_side(builder):
    videos = Videos(builder, "validation")
    shape = ClipShape(32, 2, 24)
    views = list(VideoViews(videos, shape, 4, clips=3, crops=3))

    assert len(views) == 4 * 3
    assert [int(view["owner"][0]) for view in views] == [0] * 3 + [1] * 3 + [2] * 3 + (
        [3] * 3
    )
    index = [len(videos._source[n]["video"]) for n in range(4)].index(70)
    starts = [numbers_of(view["clip"][2])[0] for view in views[3 * index :][:3]]
    # 70 - 64 + 1 = 7 places, the first, the middle and the last.
    assert starts == [0, 3, 6]
    left, middle, right = (
        to_pixels(views[0]["clip"][k])[0].mean(axis=(0, 2)) > 240 for k in range(3)
    )
    # 16 of 48 columns are white; crops start at columns 0, 12 and 24.
    assert (left.sum(), middle.sum(), right.sum()) == (16, 4, 0)


def test_colours_are_what_the_imagenet_weights_expect(videos):
    (view, *_) = VideoViews(videos, ClipShape(1, 1, 24), 1, clips=1, crops=3)
    white = view["clip"][0, 0, 0]  # one frame is a picture: (crops, side, side, 3)

    expected = np.array([255 - 103.939, 255 - 116.779, 255 - 123.68])
    np.testing.assert_allclose(white, expected, atol=3)
    assert (to_pixels(view["clip"])[0, :, :14] > 245).all()


# The paper's recipe


def recipe(variant, *sets):
    fixed = ["data.batch_size=2", "data.side=16", "data.scale_low=18",
             "data.scale_high=20", "evaluate.side=18", "evaluate.clips=2"]  # fmt: skip
    return PAPER.recipe("paper", variant, sets=[*fixed, *sets])


def test_the_papers_recipe_reads_kinetics(builder, monkeypatch):
    monkeypatch.setattr(data, "open_catalogue", lambda spec: builder)

    loaded = data.load(recipe("c2d_r50"), seed=0)

    batch = next(iter(loaded.batches(0)))
    assert batch["clip"].shape == (2, 32, 16, 16, 3)
    assert (loaded.validation.count, loaded.test.count) == (4, 4)
    view = next(iter(loaded.test))
    assert view["clip"].shape == (3, 32, 18, 18, 3)
    # Four videos are not the paper's data.
    assert loaded.info.name == "kinetics400_subset"
    assert loaded.info.examples == {"train": 4, "test": 4}


@pytest.mark.parametrize(
    ("variant", "shape"),
    [("c2d_r50", (2, 32, 16, 16, 3)), ("image_c2d", (2, 16, 16, 3))],
)
def test_ucf101_stands_in_for_kinetics(variant, shape):
    sets = ["data.spec=tfds:ucf101/ucf101_1_256", "data.num_classes=101",
            "data.test_split=test"]  # fmt: skip
    with tfds.testing.mock_data(num_examples=3):
        loaded = data.load(recipe(variant, *sets), seed=0)
        batch = next(iter(loaded.batches(0)))
        view = next(iter(loaded.test))

    assert batch["clip"].shape == shape
    assert batch["label"].shape == (2,)
    assert view["clip"].shape == (3, *(18 if n == 16 else n for n in shape[1:]))
    assert loaded.info.name == "ucf101"


def test_another_number_of_classes_names_the_right_one():
    with (
        tfds.testing.mock_data(num_examples=3),
        pytest.raises(UsageError, match="ucf101 has 101; try --set data"),
    ):
        data.load(
            recipe("c2d_r50", "data.spec=tfds:ucf101/ucf101_1_256",
                   "data.test_split=test"), seed=0,
        )  # fmt: skip


def test_a_split_that_is_not_there_names_the_nearest(builder):
    with pytest.raises(DataError, match="no split 'valid'; did you mean 'validation'"):
        Videos(builder, "valid")
