"""Builders of segmented images: procedural cells, the EM stacks of ISBI 2012."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from scipy import ndimage

from cai_keras.data.builders import cells, isbi2012_em
from cai_keras.data.builders.isbi2012_em import Isbi2012Em, check_stacks, read_stack
from cai_keras.data.source import download, open_embedded, open_folder, read_split
from cai_keras.data.spec import DataSpec
from cai_keras.errors import DataError

pytest.importorskip("dill", reason="tfds.testing's test case imports dill")
CROSS = ndimage.generate_binary_structure(2, 1)


def write_stack(path, pages):
    """A multi-page grey TIFF file."""
    first, *rest = (Image.fromarray(np.asarray(page, np.uint8)) for page in pages)
    first.save(path, save_all=True, append_images=rest)


def write_stacks(folder):
    """Three labelled slices of 6 x 8 and two unlabelled ones of 5 x 5."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (3, 6, 8)), np.full((3, 6, 8), 255)
    labels[:, 3] = 0
    write_stack(folder / "train-volume.tif", images)
    write_stack(folder / "train-labels.tif", labels)
    write_stack(folder / "test-volume.tif", rng.integers(0, 256, (2, 5, 5)))
    return images, labels


@pytest.fixture
def stacks(tmp_path):
    write_stacks(tmp_path / "stacks")
    return tmp_path / "stacks"


def rows_of(builder, split):
    return list(tfds.as_numpy(read_split(builder, split)))


# TFDS's own test case


@pytest.fixture(scope="module", autouse=True)
def _dummy_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dummy_data")
    write_stacks(folder)
    CellsCase.EXAMPLE_DIR = Isbi2012EmCase.EXAMPLE_DIR = str(folder)


class CellsCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = cells.Cells
    SPLITS = {"train": 64, "test": 100}  # noqa: RUF012 (the base class's form)


class Isbi2012EmCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Isbi2012Em
    SPLITS = {"train": 3, "test": 2}  # noqa: RUF012


# Cells


@pytest.fixture(scope="module")
def placed():
    """The instances of 16 images."""
    return [cells.place_cells(np.random.default_rng([7, n])) for n in range(16)]


def test_cells_are_a_function_of_split_and_number():
    first, again = (cells.place_cells(np.random.default_rng(5)) for _ in "ab")
    other = cells.place_cells(np.random.default_rng(6))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_cell_is_one_piece_of_twenty_pixels_or_more(placed):
    for instances in placed:
        numbers, areas = np.unique(instances[instances > 0], return_counts=True)
        np.testing.assert_array_equal(numbers, np.arange(1, len(numbers) + 1))
        assert areas.min() >= 20
        # The largest ellipse: pi 10^2 = 314 pixels, and a few of its outline.
        assert areas.max() <= 330
        assert ndimage.label(instances > 0, CROSS)[1] == len(numbers)


def test_an_image_has_6_to_10_cells_unless_crumbs_were_erased(placed):
    counts = [instances.max() for instances in placed]

    assert min(counts) >= 5
    assert max(counts) <= 10
    assert len(set(counts)) > 2


def test_many_cells_are_a_pixel_apart(placed):
    gaps = 0
    for instances in placed:
        reach = ndimage.grey_dilation(instances, footprint=CROSS)
        numbers = np.where(instances > 0, instances, 255)
        least = ndimage.minimum_filter(numbers, footprint=CROSS)
        gaps += np.sum((instances == 0) & (least < 255) & (reach != least))
    # In 16 images, of two cells of radius 7 and 5 pixels of contact at the least.
    assert gaps > 16 * 2 * 5


def test_separation_erases_the_higher_number_along_the_line_of_contact():
    touching = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 3, 0]], np.uint8)

    found = cells.separate(touching)

    # The 2s beside a 1 go, and all 3s: each is below a 1 or a 2.
    np.testing.assert_array_equal(found, [[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(cells.separate(found), found)


def test_cells_are_brighter_than_the_ground_and_brightest_at_their_rim():
    instances = np.zeros((64, 64), np.uint8)
    instances[8:56, 8:56] = 1

    image = cells.render(instances, np.random.default_rng(0)) / 255

    # Ground 0.2; a cell 0.5 with deviation 0.05; the rim 0.15 more, blurred.
    assert image[:5].mean() == pytest.approx(0.2, abs=0.02)
    inside = image[16:48, 16:48].mean()
    assert inside == pytest.approx(0.5, abs=0.16)
    assert image[9, 16:48].mean() > inside + 0.03


def test_embedded_cells_have_images_and_instances():
    rows = rows_of(open_embedded(DataSpec("embedded", "cells")), "test")

    assert len(rows) == 100
    expected = np.random.default_rng([0x63656C, 1, 3])
    instances = cells.place_cells(expected)
    np.testing.assert_array_equal(rows[3]["instances"][..., 0], instances)
    image = cells.render(instances, expected)
    np.testing.assert_array_equal(rows[3]["image"][..., 0], image)


# The EM stacks


def test_stacks_are_read_in_order_with_their_labels(tmp_path):
    images, labels = write_stacks(tmp_path / "stacks")

    builder = open_folder(Isbi2012Em, tmp_path / "stacks")

    rows = rows_of(builder, "train")
    np.testing.assert_array_equal([row["image"][..., 0] for row in rows], images)
    np.testing.assert_array_equal([row["label"][..., 0] for row in rows], labels)
    assert all(row["is_labelled"] for row in rows)
    unlabelled = rows_of(builder, "test")
    assert [bool(row["is_labelled"]) for row in unlabelled] == [False, False]


def test_stacks_in_the_manual_folder_are_prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    write_stacks(tmp_path / "downloads" / "manual" / "isbi2012_em")

    builder = download(DataSpec("tfds", "isbi2012_em"))

    assert builder.info.splits["train"].num_examples == 3


def test_without_a_manual_folder_the_error_names_it_and_the_files(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))

    with pytest.raises(DataError, match=r"downloads/manual.*Put train-volume\.tif"):
        download(DataSpec("tfds", "isbi2012_em"))


def test_whole_stacks_pass_the_check(stacks):
    check_stacks(stacks)


@pytest.mark.parametrize("name", ["train-labels.tif", "test-volume.tif"])
def test_a_missing_stack_is_named_with_the_fix(stacks, name):
    (stacks / name).unlink()

    with pytest.raises(DataError, match=rf"no {name}\. Put train-volume\.tif, "):
        check_stacks(stacks)
    with pytest.raises(DataError, match=f"no {name}"):
        open_folder(Isbi2012Em, stacks)


def test_labels_of_another_size_are_refused(stacks):
    write_stack(stacks / "train-labels.tif", np.zeros((2, 6, 8)))

    with pytest.raises(DataError, match=r"\(2, 6, 8\).*expected \(3, 6, 8\)"):
        check_stacks(stacks)


def test_labels_of_other_levels_are_refused(stacks):
    write_stack(stacks / "train-labels.tif", np.full((3, 6, 8), 7))

    with pytest.raises(DataError, match="has the level 7, expected 0 for membranes"):
        check_stacks(stacks)


def test_a_file_that_is_no_tiff_is_refused(tmp_path):
    path = tmp_path / "train-volume.tif"
    path.write_bytes(b"<html>404</html>")

    with pytest.raises(DataError, match=f"{path}: not a readable TIFF file"):
        read_stack(path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_cut_off_tiff_is_refused(stacks):
    path = stacks / "train-volume.tif"
    path.write_bytes(path.read_bytes()[:-60])

    with pytest.raises(DataError, match=f"{path}: not a readable TIFF file"):
        read_stack(path)


def test_pages_in_colour_or_of_several_sizes_are_refused(tmp_path):
    path = tmp_path / "train-volume.tif"
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(DataError, match=r"expected grey \(L\) pages of one size"):
        read_stack(path)

    write_stack(path, [np.zeros((4, 4)), np.zeros((4, 5))])
    with pytest.raises(DataError, match=r"\(4, 4\).*\(4, 5\).*one size"):
        read_stack(path)


def test_the_files_of_every_split_are_named_in_the_instructions():
    for names in isbi2012_em.FILES.values():
        for name in names:
            assert name in Isbi2012Em.MANUAL_DOWNLOAD_INSTRUCTIONS
