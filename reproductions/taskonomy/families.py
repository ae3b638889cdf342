"""Which tasks belong together: Figure 14's families, as far as they are named."""

from cai_keras.data.builders.task_tournament import GROUPS

from .tasks import LAYOUT, SEMANTIC, TASKS, THREE_D, TWO_D

# Published names. Colorization, inpainting and jigsaw are in no family here: their
# colours in the figure were not looked up.
_PUBLISHED = {
    TWO_D: ("autoencoder", "denoise", "edge2d", "keypoint2d", "segment2d"),
    THREE_D: (
        "curvature", "edge3d", "keypoint3d", "reshade", "rgb2depth", "rgb2mist",
        "rgb2sfnorm", "segment25d",
    ),
    SEMANTIC: ("class_1000", "class_places", "segmentsemantic_rb"),
    LAYOUT: ("room_layout", "vanishing_point_well_defined"),
}  # fmt: skip
_MADE_UP = {TWO_D: GROUPS["flat"], THREE_D: GROUPS["deep"], SEMANTIC: GROUPS["named"]}

FAMILIES = {
    **{task: family for family, tasks in _PUBLISHED.items() for task in tasks},
    **{task: family for family, tasks in _MADE_UP.items() for task in tasks},
}
SCENE_FAMILIES = {name: task.family for name, task in TASKS.items()}
