"""The dictionary of tasks on rendered scenes: what is asked of an image, and how well.

Every target is a map of half the image's side, a vector or a class. Numbers are less
the mean and divided by the deviation of the training images, so that a loss of 1 is
that of a network which knows nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from keras import losses, ops

# What a network answers with.
MAP, LABELS, VECTOR, CLASS = "map", "labels", "vector", "class"
SHARES = "shares"  # of classes, which sum to 1
# Figure 14's families of tasks.
TWO_D, THREE_D, SEMANTIC, LAYOUT = "2d", "3d", "semantic", "layout"


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        family: one of the four above.
        kind: what the answer is.
        size: channels of a map, classes, or numbers.
        target: scene's features, as arrays (n, ...) -> target.
        view: what the network looks at: `plain`, or another of `data.view_of`.
        is_absolute: errors count as they are, not squared.
        is_masked: a map's last channel of the target, 1 or 0, says which pixels count;
            of labels those that are not negative do.
    """

    family: str
    kind: str
    size: int
    target: Callable[[dict], np.ndarray]
    view: str = "plain"
    is_absolute: bool = False
    is_masked: bool = False

    @property
    def is_numbers(self) -> bool:
        return self.kind in (MAP, VECTOR)


def halved(maps: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels, float32."""
    n, height, width, channels = maps.shape
    blocks = maps.reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def _map_of(name: str, transform=lambda values: values):
    return lambda scene: halved(transform(scene[name].astype(np.float32)))


def _vector_of(name: str, transform=lambda values: values):
    def flat(scene):
        values = transform(scene[name].astype(np.float32))
        return values.reshape(len(values), -1)

    return flat


def _picture(family: str = TWO_D, view: str = "plain") -> Task:
    return Task(family, MAP, 3, _map_of("rgb"), view)


# Name -> task.
TASKS = {
    "autoencoding": _picture(),
    "denoising": _picture(view="noisy"),
    "colorization": _picture(view="grey"),
    "inpainting": _picture(view="holed"),
    "edges_2d": Task(TWO_D, MAP, 1, _map_of("texture_edge")),
    "keypoints_2d": Task(TWO_D, MAP, 1, _map_of("keypoint_2d")),
    "edges_3d": Task(THREE_D, MAP, 1, _map_of("occlusion_edge")),
    "keypoints_3d": Task(THREE_D, MAP, 1, _map_of("keypoint_3d")),
    "normals": Task(THREE_D, MAP, 3, _map_of("normal")),
    "depth": Task(THREE_D, MAP, 1, _map_of("depth", np.log)),
    "distance": Task(THREE_D, MAP, 1, _map_of("distance", np.log)),
    "reshading": Task(THREE_D, MAP, 1, _map_of("reshading")),
    # Square roots: curvatures are 1 / radius, and small solids would be all there is.
    "curvature": Task(THREE_D, MAP, 2, _map_of("curvature", np.sqrt)),
    "semantic_segmentation": Task(
        SEMANTIC, LABELS, 6, lambda scene: scene["semantic"][:, ::2, ::2, 0]
    ),
    "object_class": Task(SEMANTIC, CLASS, 3, lambda scene: scene["object_class"]),
    "object_presence": Task(SEMANTIC, VECTOR, 3, _vector_of("object_presence")),
    "vanishing_points": Task(LAYOUT, VECTOR, 9, _vector_of("vanishing_points")),
    "room_layout": Task(LAYOUT, VECTOR, 6, _vector_of("room_layout", np.log)),
}


def losses_of(task: Task, target, answers):
    """How wrong each of several answers is, for each example.

    Mean squared (or absolute) error of numbers, or cross-entropy in nats, over what
    counts; 0 where nothing does.

    Args:
        target: of `Task.target`, (batch, ...).
        answers: (batch, candidates, ...), logits where the target is a class.
    Returns:
        float32 (batch, candidates).
    """
    answers = ops.cast(answers, "float32")
    target = ops.expand_dims(ops.convert_to_tensor(target), 1)
    counts = None
    if task.is_numbers:
        if task.is_masked:
            target, counts = target[..., :-1], target[..., -1:]
        errors = answers - ops.cast(target, "float32")
        errors = ops.abs(errors) if task.is_absolute else ops.square(errors)
    elif task.kind == SHARES:
        errors = -ops.sum(target * ops.log_softmax(answers, axis=-1), axis=-1)
    else:
        if task.is_masked:
            counts = target >= 0
        shape = ops.shape(answers)[:-1]
        labels = ops.broadcast_to(ops.maximum(ops.cast(target, "int32"), 0), shape)
        errors = losses.sparse_categorical_crossentropy(
            labels, answers, from_logits=True
        )
    axes = tuple(range(2, len(errors.shape)))
    if counts is None:
        return ops.mean(errors, axis=axes) if axes else errors
    counts = ops.broadcast_to(ops.cast(counts, "float32"), ops.shape(errors))
    total = ops.sum(counts, axis=axes)
    return ops.sum(counts * errors, axis=axes) / ops.maximum(total, 1.0)
