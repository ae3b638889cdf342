"""Mean intersection over union: by hand, on parts, and where there is nothing."""

import numpy as np
import pytest

from cai_keras.metrics.mean_iou import (
    confusion_matrix,
    intersection_over_union,
    mean_iou_percent,
    pixel_accuracy_percent,
)

# Six pixels are labelled: of class 0 two are found and one is taken for 1, of class 1
# one is found and one is taken for 2, and the one of class 2 is taken for 0.
LABELS = np.array([[0, 0, 0, 255], [1, 1, 2, 255]], np.uint8)
GUESSES = np.array([[0, 0, 1, 2], [1, 2, 0, 0]])
COUNTS = [[2, 1, 0], [0, 1, 1], [1, 0, 0]]


def test_rows_are_labels_and_columns_predictions():
    np.testing.assert_array_equal(confusion_matrix(LABELS, GUESSES, 3), COUNTS)


def test_the_intersection_is_divided_by_the_union():
    # Class 0: 2 in both, 3 labelled, 3 predicted: 2 / 4. Class 1: 1 / 3. Class 2: 0.
    found = intersection_over_union(np.array(COUNTS))

    np.testing.assert_allclose(found, [1 / 2, 1 / 3, 0])
    assert mean_iou_percent(np.array(COUNTS)) == pytest.approx(100 * 5 / 18)
    assert pixel_accuracy_percent(np.array(COUNTS)) == 50.0


def test_matrices_of_uneven_parts_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    labels, guesses = rng.integers(0, 4, (2, 11, 5))

    parts = [np.s_[:4], np.s_[4:8], np.s_[8:]]
    total = sum(confusion_matrix(labels[p], guesses[p], 4) for p in parts)

    np.testing.assert_array_equal(total, confusion_matrix(labels, guesses, 4))
    assert total.sum() == 55


def test_the_mean_is_over_all_pixels_and_not_over_images():
    # One image all right, one all wrong: 3 of 5 pixels of class 0, not (1 + 0) / 2.
    first = confusion_matrix([0, 0, 0], [0, 0, 0], 2)
    second = confusion_matrix([0, 0], [1, 1], 2)

    assert intersection_over_union(first + second)[0] == 3 / 5


def test_a_class_that_nobody_names_does_not_count():
    # Class 2 of 3 has no pixel; perfect otherwise.
    confusion = confusion_matrix([0, 1], [0, 1], 3)

    assert np.isnan(intersection_over_union(confusion)[2])
    assert mean_iou_percent(confusion) == 100.0


def test_a_class_that_is_only_predicted_counts_as_missed():
    confusion = confusion_matrix([0, 0], [0, 2], 3)

    # Class 0: 1 / 2, class 2: 0 / 1.
    assert mean_iou_percent(confusion) == 25.0


def test_large_counts_are_exact():
    confusion = np.array([[2**40, 1], [0, 2**40]])

    expected = (2**40 / (2**40 + 1) + 2**40 / (2**40 + 1)) / 2
    assert mean_iou_percent(confusion) == 100 * expected


@pytest.mark.parametrize("measure", [mean_iou_percent, pixel_accuracy_percent])
def test_without_a_labelled_pixel_there_is_no_mean(measure):
    confusion = confusion_matrix([255, 255], [0, 1], 2)

    with pytest.raises(ValueError, match="no labelled pixel"):
        measure(confusion)


@pytest.mark.parametrize(
    ("labels", "guesses", "message"),
    [
        ([0, 1], [0], r"differ in shape: \(2,\) and \(1,\)"),
        ([0, 3], [0, 0], "label 3: expected 0 to 2"),
        ([0, 1], [0, 7], "prediction 7: expected 0 to 2"),
        ([0, -1], [0, 0], "label -1: expected 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused(labels, guesses, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(labels, guesses, 3)
