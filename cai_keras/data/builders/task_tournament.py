"""Affinities between made-up tasks, without a download."""

from itertools import combinations

import numpy as np
import tensorflow_datasets as tfds

from cai_keras.data.builders.taskonomy_affinities import (
    transfer_examples,
    transfer_info,
)
from cai_keras.data.task_transfers import SELF, Transfer

# Three groups of four tasks each.
GROUPS = {
    "flat": ("colour", "edges", "noise", "texture"),
    "deep": ("depth", "normals", "curvature", "shading"),
    "named": ("object", "scene", "parts", "actions"),
}
# Strength of a network for a target: the chance that i beats j on an image is
# s_i / (s_i + s_j).
_OWN, _OWN_FEATURES = 16.0, 6.0
_SAME_GROUP, _OTHER_GROUP = (2.0, 6.0), (0.2, 1.0)
_PIXELS, _RANDOM = 0.8, 0.3
# Two sources are a little better than the better one.
_BOTH = 1.15


class TaskTournament(tfds.core.GeneratorBasedBuilder):
    """A tournament of transfers between twelve tasks of three groups.

    Transfers within a group are better. Every transfer has a strength that is the same
    on all images, so that affinities are the strengths divided by their sum, and win
    rates are ratios of strengths. A stand-in for Taskonomy's published affinities.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return transfer_info(self)

    def _split_generators(self, dl_manager):
        return {"images_16k": transfer_examples(draw_tables())}

    def _generate_examples(self, *_):
        raise NotImplementedError("the split has its generator")


def draw_tables() -> dict[str, list[Transfer]]:
    """Kind -> transfers; always the same ones."""
    rng = np.random.default_rng(0x7461736B)
    groups = {task: name for name, tasks in GROUPS.items() for task in tasks}
    affinities, quality, gain = [], [], []
    for target, group in groups.items():
        strengths = {(SELF,): _OWN, ("random",): _RANDOM}
        for source, other in groups.items():
            low, high = _SAME_GROUP if other == group else _OTHER_GROUP
            drawn = rng.uniform(low, high)
            strengths[(source,)] = _OWN_FEATURES if source == target else drawn
        others = sorted(set(groups) - {target}, key=lambda s: -strengths[(s,)])
        for pair in combinations(others[:5], 2):
            strengths[pair] = _BOTH * max(strengths[(source,)] for source in pair)
        total = sum(strengths.values())
        for sources, strength in strengths.items():
            affinities.append(Transfer(sources, target, strength / total))
            quality.append(Transfer(sources, target, strength / (strength + _OWN)))
            gain.append(Transfer(sources, target, strength / (strength + _PIXELS)))
    return {"affinity": affinities, "quality": quality, "gain": gain}
