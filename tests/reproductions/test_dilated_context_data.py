"""What a spec gives, at small scale and, mocked, at the paper's."""

import io
import itertools
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from reproductions.dilated_context import data, experiment, model

PAPER = find_paper("dilated_context")


def recipe_of(scale, variant, *sets, spec=None):
    return PAPER.recipe(scale, variant, spec, sets)


# Scenes


def test_scenes_have_labels_distances_and_a_passport():
    loaded = data.load(recipe_of("smoke", "voc_basic").data)

    assert loaded.info.name == "context_scenes"
    assert loaded.info.examples == {"train": 40, "test": 20}
    assert loaded.test.distances.shape == (20, 48, 48)
    image, label = loaded.test.read(3)
    assert image.shape == (48, 48, 3)
    assert (image.dtype, label.dtype) == (tf.uint8, tf.uint8)
    # Kinds take turns, and scene 3 is of kind 4.
    assert set(np.unique(label)) == {0, 4}
    assert loaded.passport["images"] == "context scenes test[:20]"


def test_another_number_of_classes_is_refused_with_the_right_one():
    recipe = recipe_of("smoke", "voc_basic", "data.num_classes=7")

    with pytest.raises(UsageError, match=r"context_scenes has 8; try --set data.num_"):
        data.load(recipe.data)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("embedded:digits", "unknown name 'digits'"),
        ("tfds:mnist", "unknown name 'mnist'"),
    ],
)
def test_data_without_label_maps_are_refused(spec, message):
    recipe = recipe_of("smoke", "voc_basic", spec=spec)

    with pytest.raises(UsageError, match=message):
        data.load(recipe.data)


def test_the_doctor_names_what_is_missing_and_the_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    (voc,) = data.problems_of("tfds:voc_segmentation")
    (cityscapes,) = data.problems_of("tfds:cityscapes/semantic_segmentation")

    assert "run: cai data prepare tfds:voc_segmentation" in voc
    assert "tfds build cityscapes/semantic_segmentation --file_format=array" in (
        cityscapes
    )
    assert data.problems_of("embedded:context_scenes") == []


# Facades


def test_a_folder_holds_facades(tmp_path):
    grey = io.BytesIO()
    Image.new("RGB", (512, 256), (0, 0, 223)).save(grey, "JPEG")
    for name in ("train", "val"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}/1.jpg", grey.getvalue())
    spec = f"folder:{tmp_path}"
    sets = ["data.num_classes=12", "data.train_split=train"]

    recipe = recipe_of(
        "smoke", "voc_basic", *sets, "data.test_split=validation", spec=spec
    )
    loaded = data.load(recipe.data)

    assert loaded.info.name == "facade_labels"
    assert loaded.info.examples == {"train": 1, "test": 1}
    image, label = loaded.test.read(0)
    assert image.shape == (64, 64, 3)
    assert not label.numpy().any()
    assert loaded.test.distances is None
    assert data.problems_of(spec) == []


def test_a_folder_without_facades_is_a_problem_with_its_fix(tmp_path):
    (tmp_path / "note.txt").touch()

    (problem,) = data.problems_of(f"folder:{tmp_path}")

    assert "train.zip: no such file" in problem


# The paper's sets


def test_ids_of_cityscapes_become_the_19_classes():
    # 7 is road, 33 bicycle; 0 is not labelled, 9 (parking) is not evaluated.
    stored = np.uint8([[7, 33], [0, 9], [26, 11]])[..., None]

    found = data.SOURCES["cityscapes"].classes_of(stored)

    np.testing.assert_array_equal(found, [[0, 18], [255, 255], [13, 2]])


def test_a_part_of_a_set_does_not_pass_for_the_whole():
    with tfds.testing.mock_data(num_examples=3):
        loaded = data.load(recipe_of("paper", "voc_basic").data)

    assert loaded.info.name == "voc_segmentation_subset"
    assert loaded.passport == {
        "images": "VOC 2012 validation",
        "training images": "VOC 2012 and SBD",
    }


@pytest.fixture
def tiny_front_end(monkeypatch):
    """In the place of VGG-16: stride 8, and a margin of 1.

    Mocked labels are any bytes: those that VOC's builder refuses count as unknown.
    """

    def build(_, classes):
        inputs = keras.Input((None, None, 3))
        return keras.Model(inputs, keras.layers.Conv2D(classes, 9, strides=8)(inputs))

    tiny = model.FrontEnd(build, margin=1, stride=8)
    monkeypatch.setitem(model.FRONT_ENDS, "vgg16", tiny)
    voc = replace(data.SOURCES["voc_segmentation"], ids=tuple(range(21)))
    monkeypatch.setitem(data.SOURCES, "voc_segmentation", voc)


@pytest.mark.parametrize(
    ("variant", "tile", "crop", "maps", "labels"),
    [
        # Labels of every eighth pixel.
        ("voc_basic", [32, 32], 16, (4, 4), (4, 4)),
        # The deconvolution makes one of every pixel.
        ("cityscapes_dilation10", [1024, 2048], 32, (128, 256), (1024, 2048)),
    ],
)
def test_the_papers_recipe_gives_batches_for_every_stage(
    tiny_front_end, variant, tile, crop, maps, labels
):
    sets = [
        "model.start_from=scratch", f"data.tile={tile}", f"data.crop={crop}",
        "data.batch_size=2", "data.context_batch_size=2",
    ]  # fmt: skip
    recipe = recipe_of("paper", variant, *sets)
    with tfds.testing.mock_data(num_examples=1):
        built = experiment.build(recipe, 0)
        first, second = built.phases[:2]
        (crops,) = itertools.islice(first.batches(0), 1)
        (stored,) = itertools.islice(second.batches(0), 1)

    stride = 1 if recipe.model.upsampling == 8 else 8
    assert crops["input"].shape == (2, crop + 2, crop + 2, 3)
    assert crops["label"].shape == (2, crop // stride, crop // stride)
    classes = recipe.data.num_classes
    assert stored["input"].shape[1:] == (*maps, classes)
    assert stored["label"].shape[1:] == labels
    loss = second.learner.losses({k: v[:1] for k, v in stored.items()})
    assert np.isfinite(loss["cross_entropy"]).all()


def test_the_papers_evaluation_runs_on_mocked_voc(tiny_front_end):
    sets = ["model.start_from=scratch", "data.tile=[32, 32]"]
    recipe = recipe_of("paper", "voc_basic_untrained", *sets)
    with tfds.testing.mock_data(num_examples=3):
        built = experiment.build(recipe, 0)
        found = built.evaluators["test"]()

    assert found["identity_max_difference"].value == 0.0
    assert found["mean_iou_percent"].count == 3
    assert found["mean_iou_percent"].passport["images"] == "VOC 2012 validation"
    assert "in_sight_accuracy_percent" not in found


def test_the_papers_three_stages_of_cityscapes():
    recipe = recipe_of("paper", "cityscapes_dilation10")

    train = recipe.train.optimizers
    rates = {name: (rule.learning_rate, rule.momentum) for name, rule in train.items()}
    # Appendix A and A.3.
    assert rates == {
        "front_end": (1e-4, 0.99),
        "context": (1e-4, 0.99),
        "joint": (1e-5, 0.99),
    }
    sides = (recipe.data.crop, recipe.data.joint_crop)
    assert [side + 2 * 186 for side in sides] == [628, 1396]
    batches = ("batch_size", "context_batch_size", "joint_batch_size")
    assert [getattr(recipe.data, name) for name in batches] == [8, 100, 1]


def test_distances_are_of_the_images_that_are_read():
    loaded = data.load(recipe_of("smoke", "voc_basic").data)

    for number in (0, 7):
        image, label = loaded.test.read(number)
        is_beacon = loaded.test.distances[number] == 0
        # Only the beacon is coloured.
        spread = np.ptp(image.numpy().astype(int), axis=-1)
        assert spread[is_beacon].min() > spread[~is_beacon].max()
        assert (label.numpy()[is_beacon] > 0).all()
