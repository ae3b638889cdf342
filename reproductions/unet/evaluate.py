"""How well cells are found, and apart from one another, on whole test images."""

import numpy as np
from skimage.metrics import adapted_rand_error

from cai_keras.metrics.boundary_f1 import boundary_f1
from cai_keras.metrics.segmented_objects import connected_objects, object_ious
from cai_keras.metrics.touching_pairs import merged_pairs, touching_pairs
from cai_keras.reporting.record import Metric

from .data import Annotated
from .inference import Segmenter

# Of metrics that the challenge measures on labels of its own.
_PASSPORT = {"labels": "public"}


def measure(segmenter: Segmenter, test: Annotated, settings) -> dict[str, Metric]:
    """All metrics of a run.

    Args:
        settings: the recipe's section `evaluate`.
    """
    masks = segmenter.whole(test.images, settings.rotations) > 0.5
    return {
        **compare(masks, test.instances, settings.boundary_tolerance),
        "largest_tile_difference": tile_difference(segmenter, test.images, settings),
    }


def compare(
    masks: np.ndarray, instances: np.ndarray, tolerance: float
) -> dict[str, Metric]:
    """Predicted foreground against annotated objects.

    pixel_error_percent: pixels of the wrong class.
    foreground_iou_percent: pixels in both foregrounds, of those in one, all images
        together.
    boundary_f1_percent: mean over images.
    object_iou_percent: of each annotated object with the 4-connected part of the
        prediction that covers more than half of it; mean over all objects (SEG).
    rand_error_percent: adapted Rand error (Arganda-Carreras et al. 2015) of the
        same parts, over the pixels of annotated objects; mean over images.
    merged_pairs_percent: of touching pairs, all images together; log_merged_share is
        log((merged + 1/2) / (pairs + 1)), finite for a network that merges none.

    Args:
        masks: bool (n, height, width).
        instances: int (n, height, width).
        tolerance: of boundaries, in pixels.
    """
    truth, count = instances > 0, len(masks)
    wrong = 100 * float(np.mean(masks != truth))
    union = int(np.sum(masks | truth))
    overlap = 100 * int(np.sum(masks & truth)) / union if union else float("nan")
    outlines = [
        boundary_f1(mask, real, tolerance)
        for mask, real in zip(masks, truth, strict=True)
    ]
    return {
        "pixel_error_percent": Metric.of(wrong, count, _PASSPORT),
        "foreground_iou_percent": Metric.of(overlap, count),
        "boundary_f1_percent": Metric.of(100 * np.mean(outlines), count),
        **_objects(masks, instances),
        **_merged(masks, instances),
    }


def tile_difference(segmenter: Segmenter, images: np.ndarray, settings) -> Metric:
    """The largest difference of a probability tile by tile from that at once."""
    images = images[: settings.tile_images]
    at_once = segmenter.whole(images)
    tiled = [segmenter.by_tiles(image, settings.tile_side) for image in images]
    return Metric.of(np.abs(np.stack(tiled) - at_once).max(), len(images))


def _objects(masks, instances) -> dict[str, Metric]:
    """Images without an object have none to find and no pairs of pixels to judge."""
    pairs = [
        (connected_objects(mask), real)
        for mask, real in zip(masks, instances, strict=True)
        if real.any()
    ]
    if not pairs:
        none = Metric(value=None, count=0, reason="no test image has an object")
        return {"object_iou_percent": none, "rand_error_percent": none}
    ious = np.concatenate([object_ious(parts, real) for parts, real in pairs])
    errors = [adapted_rand_error(real, parts)[0] for parts, real in pairs]
    return {
        "object_iou_percent": Metric.of(100 * ious.mean(), len(ious)),
        "rand_error_percent": Metric.of(100 * np.mean(errors), len(pairs), _PASSPORT),
    }


def _merged(masks, instances) -> dict[str, Metric]:
    pairs = sum(len(touching_pairs(real)) for real in instances)
    if not pairs:
        none = Metric(value=None, count=0, reason="no two objects touch")
        return {"merged_pairs_percent": none, "log_merged_share": none}
    merged = sum(
        len(merged_pairs(mask, real))
        for mask, real in zip(masks, instances, strict=True)
    )
    share = Metric.of(100 * merged / pairs, pairs)
    logarithm = Metric.of(np.log((merged + 0.5) / (pairs + 1)), pairs)
    return {"merged_pairs_percent": share, "log_merged_share": logarithm}
