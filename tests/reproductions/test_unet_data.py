"""U-Net's data: cells, the EM stacks from their files, and what is wrong with them."""

import numpy as np
import pytest
from PIL import Image

from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.data.border_weights import border_weights
from cai_keras.data.builders.isbi2012_em import SLICES
from cai_keras.data.source import download
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError, UsageError
from cai_keras.metrics.touching_pairs import touching_pairs
from reproductions.unet import data

PAPER = find_paper("unet")


def data_of(scale, variant="unet", spec=None, *sets):
    return PAPER.recipe(scale, variant, spec, sets).data


def write_stack(path, pages):
    first, *rest = (Image.fromarray(page) for page in pages)
    first.save(path, save_all=True, append_images=rest)


def write_stacks(folder, slices=SLICES, side=64):
    """Cells of 15 x 15 pixels with membranes of one pixel between them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.full((slices, side, side), 255, np.uint8)
    labels[:, 15::16] = 0
    labels[:, :, 15::16] = 0
    noise = rng.integers(0, 100, labels.shape)
    images = (labels // 2 + noise).astype(np.uint8)
    write_stack(folder / "train-volume.tif", images)
    write_stack(folder / "train-labels.tif", labels)
    write_stack(folder / "test-volume.tif", images[::-1])


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A TFDS folder of this test alone."""
    data._read.cache_clear()
    data._nearness.cache_clear()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    yield tmp_path / "tfds"
    data._read.cache_clear()
    data._nearness.cache_clear()


# Cells


def test_training_pixels_have_mean_0_and_deviation_1_and_test_pixels_the_same_scale():
    loaded = data.load(data_of("small"), seed=0)

    assert loaded.train.images.shape == (64, 64, 64)
    assert loaded.train.images.mean() == pytest.approx(0, abs=1e-4)
    assert loaded.train.images.std() == pytest.approx(1, abs=1e-4)
    assert loaded.test.images.shape == (100, 64, 64)
    assert loaded.test.images.mean() == pytest.approx(0, abs=0.1)
    assert (loaded.info.name, loaded.info.examples) == (
        "cells",
        {"train": 64, "test": 100},
    )


def test_there_are_hundreds_of_touching_pairs_to_test_on():
    test = data.load(data_of("small"), seed=0).test

    assert sum(len(touching_pairs(one)) for one in test.instances) > 400


def test_parts_of_the_weights_are_those_of_equation_2():
    train = data.load(data_of("small", "unet", None, "data.train_images=2"), 0).train

    for i, (ground, objects), near in zip(
        train.instances, train.class_weights, train.nearness, strict=True
    ):
        found = np.where(i > 0, objects, ground + 10 * near)
        np.testing.assert_allclose(found, border_weights(i, 10.0, 2.0), rtol=1e-5)


def test_few_images_are_chosen_by_the_seed_and_are_the_same_for_all_variants():
    def chosen(variant, seed):
        return data.load(data_of("small", variant), seed).train.instances

    first, plain = chosen("unet_4_images", 0), chosen("unet_4_images_plain", 0)

    assert len(first) == 4
    np.testing.assert_array_equal(first, plain)
    assert (chosen("unet_4_images", 1) != first).any()


def test_more_images_than_there_are_are_refused():
    settings = data_of("small", "unet", None, "data.train_images=65")

    with pytest.raises(UsageError, match=r"train_images: 65, expected 1 to 64"):
        data.load(settings, 0)


def test_a_set_without_instances_is_refused():
    with pytest.raises(UsageError, match="expected features image and instances"):
        data.load(data_of("small", "unet", "embedded:digits"), 0)


# The EM stacks


def test_the_papers_pipeline_trains_and_tests_on_stacks(tmp_path, own_folder):
    stacks = own_folder / "downloads" / "manual" / "isbi2012_em"
    write_stacks(stacks, slices=26)
    download(DataSpec("tfds", "isbi2012_em"))
    # The paper's recipe but for the sizes.
    sets = ["model.filters=2", "model.depth=2"]
    sets += ["data.tile_side=84", "evaluate.tile_side=84"]
    recipe = PAPER.recipe("paper", "unet", None, sets)

    experiment = builder_of(PAPER)(recipe, 0)
    (phase,) = experiment.phases
    batch = next(phase.batches(0).as_numpy_iterator())

    assert batch["image"].shape == (1, 84, 84, 1)
    assert batch["label"].shape == (1, 44, 44)
    assert 0.5 < batch["label"].mean() < 1
    # Membranes: half of the inverse of their share of 31 / 256, and up to 10 more.
    assert 10 < batch["weight"].max() < 10 + 0.5 * 256 / 31 + 0.1
    assert experiment.dataset.examples == {"train": 24, "test": 2}
    assert experiment.dataset.name == "em_stack"
    found = experiment.evaluators["test"]()
    assert found["pixel_error_percent"].passport == {"labels": "public"}
    assert found["largest_tile_difference"].value < 1e-4
    # 4 x 4 cells: 24 pairs side by side, 18 over a corner, in each of two slices.
    assert found["merged_pairs_percent"].count == 2 * (24 + 18)


def test_cells_of_a_stack_are_the_connected_parts_of_its_label(tmp_path, own_folder):
    write_stacks(tmp_path / "mine", slices=30)

    loaded = data.load(data_of("paper", "unet", f"folder:{tmp_path / 'mine'}"), 0)

    assert loaded.train.instances.shape == (24, 64, 64)
    assert loaded.train.instances.max() == 16
    assert loaded.info.name == "em_stack"


@pytest.mark.parametrize(
    ("slices", "expected"), [(SLICES, "isbi2012_em"), (SLICES - 1, "em_stack")]
)
def test_only_stacks_of_the_published_size_pass_for_them(
    tmp_path, own_folder, monkeypatch, slices, expected
):
    assert (SLICES, data.SIDE) == (30, 512)
    monkeypatch.setattr(data, "SIDE", 16)
    write_stacks(tmp_path / "mine", slices, side=16)

    loaded = data.load(data_of("paper", "unet", f"folder:{tmp_path / 'mine'}"), 0)

    assert loaded.info.name == expected


def test_a_split_without_labels_is_refused(tmp_path, own_folder):
    write_stacks(tmp_path / "mine", 2, 16)
    settings = data_of(
        "paper", "unet", f"folder:{tmp_path / 'mine'}", "data.train_split=test"
    )

    with pytest.raises(DataError, match="split 'test' has no labels; try train"):
        data.load(settings, 0)


def test_missing_stacks_are_a_problem_with_its_fix(own_folder):
    (problem,) = data.problems_of("tfds:isbi2012_em")

    assert f"{own_folder}/downloads/manual: no train-volume.tif. Put " in problem
    assert "imagej.net" in problem
    assert problem.endswith("Then run: cai data prepare tfds:isbi2012_em")
    with pytest.raises(DataError, match="Then run: cai data prepare tfds:isbi2012_em"):
        data.load(data_of("paper"), 0)


def test_stacks_that_are_not_prepared_yet_need_one_command(own_folder):
    write_stacks(own_folder / "downloads" / "manual" / "isbi2012_em", 2, 16)

    (problem,) = data.problems_of("tfds:isbi2012_em")
    download(DataSpec("tfds", "isbi2012_em"))

    assert problem.endswith("; run: cai data prepare tfds:isbi2012_em")
    assert data.problems_of("tfds:isbi2012_em") == []


def test_a_folder_is_checked_to_the_last_file(tmp_path):
    write_stacks(tmp_path / "mine", 2, 16)
    assert data.problems_of(f"folder:{tmp_path / 'mine'}") == []
    (tmp_path / "mine" / "train-labels.tif").write_bytes(b"<html>")

    (problem,) = data.problems_of(f"folder:{tmp_path / 'mine'}")

    assert "train-labels.tif: not a readable TIFF file" in problem


def test_cells_have_no_problems():
    assert data.problems_of("embedded:cells") == []
