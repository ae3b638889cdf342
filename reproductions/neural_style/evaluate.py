"""How near a picture came to its objective, to the style and to the content."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from keras import ops
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from cai_keras.data.picture_files import middle_square
from cai_keras.data.style_pictures import StylePictures
from cai_keras.metrics.sliced_wasserstein import picture_swd
from cai_keras.reporting.record import Metric
from cai_keras.stylization.objective import PerceptualObjective

# Below it a loss is as good as none; its logarithm would be a number of rounding.
_LEAST = 1e-12


@dataclass(frozen=True)
class Scene:
    """The pictures that a seed stands for, (side, side, 3) in [0, 1].

    Attributes:
        content, style: of `StylePictures.pair`.
        other_style: the next style.
    """

    content: np.ndarray
    style: np.ndarray
    other_style: np.ndarray

    @classmethod
    def of(cls, pictures: StylePictures, seed: int, side: int) -> "Scene":
        content, style = pictures.pair(seed)
        names = list(pictures.styles)
        other = names[(names.index(style) + 1) % len(names)]
        return cls(
            middle_square(pictures.content[content], side),
            middle_square(pictures.styles[style], side),
            middle_square(pictures.styles[other], side),
        )


@dataclass(frozen=True)
class Reference:
    """What judges the pictures of all variants alike.

    Attributes:
        name: of the feature network, for the metrics' names.
        objective: content and style under it.
        levels: of the pyramid whose patches are compared.
    """

    name: str
    objective: PerceptualObjective
    levels: int

    def losses(self, picture, scene: Scene) -> dict[str, float]:
        """log10 of content and style loss of a picture as it is shown."""
        targets = self.objective.targets(scene.content, scene.style)
        terms = self.objective.terms(_batch(shown(picture)), targets)
        return {name: _log10(float(value[0])) for name, value in terms.items()}

    def distance(self, one, other) -> float:
        """log10 of the content loss between two pictures as they are shown."""
        targets = self.objective.targets(shown(one), shown(one))
        terms = self.objective.terms(_batch(shown(other)), targets)
        return _log10(float(terms["content"][0]))

    def swd(self, picture, other) -> float:
        """Sliced Wasserstein distance of patches, colours included; no network."""
        return picture_swd(shown(picture), shown(other), self.levels)["mean"]


def shown(picture) -> np.ndarray:
    """What a viewer sees of it."""
    return np.clip(picture, 0, 1).astype(np.float32)


def measure(study: str, done: Sequence, scene: Scene, reference: Reference) -> dict:
    """Metrics of the variant's pictures; every one is of one photograph and style."""
    found = _MEASURES[study](done, scene, reference)
    return {name: Metric.of(value, len(done)) for name, value in found.items()}


def _one_picture(done, scene: Scene, reference: Reference) -> dict[str, float]:
    (minimised,) = done
    picture, name = minimised.picture, reference.name
    losses = reference.losses(picture, scene)
    return {
        "log10_objective": _log10(_objective(minimised)),
        f"log10_style_{name}": losses["style"],
        f"log10_content_{name}": losses["content"],
        "style_swd": reference.swd(picture, scene.style),
        "style_swd_of_content": reference.swd(scene.content, scene.style),
        "content_ssim": structural_similarity(
            scene.content, shown(picture), channel_axis=-1, data_range=1.0
        ),
    }


def _starts(done, scene: Scene, reference: Reference) -> dict[str, float]:
    same = [minimised for minimised in done if not minimised.job.takes_other_style]
    (other,) = (minimised for minimised in done if minimised.job.takes_other_style)
    first = same[0].picture  # from noise, as the one with the other style
    objectives = [_log10(_objective(minimised)) for minimised in same]
    distances = [
        reference.distance(one.picture, two.picture)
        for one, two in combinations(same, 2)
    ]
    return {
        "log10_distance_between_starts": float(np.mean(distances)),
        "log10_distance_between_styles": reference.distance(first, other.picture),
        "log10_objective_spread": max(objectives) - min(objectives),
    }


def _ratios(done, scene: Scene, reference: Reference) -> dict[str, float]:
    terms = [_terms(minimised) for minimised in done]
    content = [_log10(found["content"]) for found in terms]
    style = [_log10(found["style"]) for found in terms]
    found = {}
    for number in range(len(done)):
        found[f"log10_content_ratio_{number}"] = content[number]
        found[f"log10_style_ratio_{number}"] = style[number]
    return {
        **found,
        "log10_content_least_weight": content[0],
        "log10_content_most_weight": content[-1],
        "log10_style_least_weight": style[0],
        "log10_style_most_weight": style[-1],
        "content_rank_correlation": _rank_correlation(content),
        "style_rank_correlation": _rank_correlation(style),
    }


def _reconstructions(done, scene: Scene, reference: Reference) -> dict[str, float]:
    found, errors = {}, []
    for minimised in done:
        kind, _, rest = minimised.job.name.partition("_")
        picture = shown(minimised.picture)
        if kind == "content":
            error = float(np.mean(np.square(picture - scene.content)))
            errors.append(_log10(error))
            found[f"log10_pixel_error_{rest}"] = errors[-1]
        else:
            found[f"style_swd_{rest}_layers"] = reference.swd(picture, scene.style)
    found["log10_pixel_error_shallowest"] = errors[0]
    found["log10_pixel_error_deepest"] = errors[-1]
    found["depth_rank_correlation"] = _rank_correlation(errors)
    return found


_MEASURES = {
    "one_picture": _one_picture,
    "starts": _starts,
    "ratios": _ratios,
    "reconstructions": _reconstructions,
}


def _terms(minimised) -> dict[str, float]:
    """The terms that were minimised, of the picture as it is, unclipped."""
    learner = minimised.learner
    number = ops.zeros((1,), "int32")
    terms = learner.objective.terms(learner.pixels, learner.targets.of(number))
    return {name: float(value[0]) for name, value in terms.items()}


def _objective(minimised) -> float:
    return minimised.learner.objective.total(_terms(minimised))


def _rank_correlation(values: Sequence[float]) -> float:
    """Spearman's, of the values with their order."""
    return float(spearmanr(range(len(values)), values).statistic)


def _log10(value: float) -> float:
    return float(np.log10(max(value, _LEAST)))


def _batch(picture) -> np.ndarray:
    return picture[None]
