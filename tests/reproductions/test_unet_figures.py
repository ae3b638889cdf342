"""U-Net's figures: what they show, and when there is nothing to draw."""

from types import SimpleNamespace

import numpy as np
import pytest

from cai_keras.reporting.paper_figures import NothingToDraw
from reproductions.unet import figures


@pytest.fixture
def make_run(make_record):
    """Function from training images and IoU to a finished run."""

    def make(count, iou, seed=0, augment=True, **changes):
        values = {f"test/{n}_iou_percent": iou for n in ("foreground", "object")}
        values["test/object_iou_percent"] /= 2
        record = make_record(values, seed=seed)
        examples = {"train": count, "test": 20}
        dataset = record.dataset.model_copy(update={"examples": examples})
        record = record.model_copy(update={"dataset": dataset})
        values = {"skip": True, "padding": "valid", "strength": 10.0, **changes}
        recipe = {
            "data": {"augment": augment, "border_weights": values},
            "model": values,
        }
        return SimpleNamespace(record=record, config=lambda: {"recipe": recipe})

    return make


def test_the_curve_has_means_over_seeds_for_each_number_of_images(make_run):
    runs = [make_run(4, 80.0, 0), make_run(4, 90.0, 1), make_run(1, 50.0)]
    runs += [make_run(4, 70.0, augment=False), make_run(1, 20.0, augment=False)]

    pixels, cells = figures.draw_training_images(runs).axes

    deformed, plain = curves_of(pixels)
    np.testing.assert_array_equal(deformed.get_xdata(), [1, 4])
    np.testing.assert_array_equal(deformed.get_ydata(), [50.0, 85.0])
    np.testing.assert_array_equal(plain.get_ydata(), [20.0, 70.0])
    np.testing.assert_array_equal(curves_of(cells)[0].get_ydata(), [25.0, 42.5])


def curves_of(axis):
    curves = {line.get_label(): line for line in axis.lines}
    return curves["deformed"], curves["as they are"]


def test_other_networks_and_losses_are_left_out_of_the_curve(make_run):
    runs = [make_run(4, 80.0), make_run(1, 50.0, skip=False)]
    runs += [make_run(2, 50.0, padding="same"), make_run(8, 50.0, strength=0.0)]

    with pytest.raises(NothingToDraw, match="different numbers of images"):
        figures.draw_training_images(runs)


def test_the_segmentation_joins_the_middles_of_merged_objects():
    instances = np.zeros((9, 12), int)
    instances[3:6, 1:4], instances[3:6, 5:8] = 1, 2
    found = (instances > 0).astype(int)
    found[4, 4] = 1
    shown = figures.Segmented(
        instances * 1.0, instances, instances * 2.0, found, merged=[(1, 2)]
    )

    axes = figures.draw_segmentation([shown]).axes

    (line,) = axes[3].lines
    np.testing.assert_array_equal(line.get_xdata(), [2, 6])
    np.testing.assert_array_equal(line.get_ydata(), [4, 4])


def test_found_parts_have_the_colour_of_the_object_that_they_cover_most():
    instances = np.array([[1, 1, 1, 0, 2, 2, 0, 0]])
    found = np.array([[4, 4, 4, 4, 4, 0, 0, 5]])

    # 5 covers no object: the number after the last one.
    np.testing.assert_array_equal(
        figures._renumbered(found, instances), [[1, 1, 1, 1, 1, 0, 0, 3]]
    )


@pytest.mark.parametrize(
    ("margin", "frames"),
    # Left edges and widths of the image, the input and the output.
    [(3, [(0, 12), (-3, 10), (0, 4)]), (0, [(0, 12), (0, 10)])],
)
def test_the_overlap_tile_shows_image_input_and_output(margin, frames):
    image = np.random.default_rng(0).random((12, 12))

    axis = figures.draw_overlap_tile(image, image, image * 1e-3, 10, margin).axes[0]

    found = [(p.get_x() + 0.5, p.get_width()) for p in axis.patches]
    assert found == frames


def test_training_tiles_are_shown_in_three_rows():
    tile = {
        "image": np.zeros((8, 8, 1)),
        "label": np.zeros((4, 4)),
        "weight": np.ones((4, 4)),
    }

    axes = figures.draw_training_tiles([tile, tile], margin=2).axes

    assert len(axes) == 7  # 3 x 2, and the colours of the weights
    (frame,) = axes[0].patches
    assert (frame.get_x(), frame.get_width()) == (1.5, 4)
