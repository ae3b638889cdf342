"""How near a picture came to its objective, to the style and to the content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from keras import ops
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from cai_keras.data.picture_files import middle_square
from cai_keras.data.style_pictures import StylePictures
from cai_keras.errors import UsageError
from cai_keras.metrics.sliced_wasserstein import picture_swd
from cai_keras.reporting.record import Metric
from cai_keras.stylization.objective import PerceptualObjective

# Below it a loss is as good as none; its logarithm would be a number of rounding.
_LEAST = 1e-12


@dataclass(frozen=True)
class Scene:
    """The pictures that a seed stands for, (side, side, 3) in [0, 1].

    Attributes:
        content: the photograph of `StylePictures.pair`.
        styles: name -> picture, all of the set: the pair's first, then those after it
            in alphabetical order, and from the beginning again.
    """

    content: np.ndarray
    styles: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, pictures: StylePictures, seed: int, side: int) -> "Scene":
        content, style = pictures.pair(seed)
        names = list(pictures.styles)
        first = names.index(style)
        return cls(
            middle_square(pictures.content[content], side),
            {
                name: middle_square(pictures.styles[name], side)
                for name in names[first:] + names[:first]
            },
        )

    def style(self, number: int = 0) -> np.ndarray:
        """The style with a number: 0 is the pair's.

        Raises:
            UsageError: there are not so many.
        """
        if number >= len(self.styles):
            raise UsageError(
                f"data.spec: expected at least {number + 1} styles for this variant, "
                f"found {len(self.styles)}"
            )
        return list(self.styles.values())[number]

    def at(self, side: int) -> "Scene":
        """The same pictures at another size."""
        return Scene(
            middle_square(self.content, side),
            {name: middle_square(style, side) for name, style in self.styles.items()},
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
        targets = self.objective.targets(scene.content, scene.style())
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
        "style_swd": reference.swd(picture, scene.style()),
        "style_swd_of_content": reference.swd(scene.content, scene.style()),
        "content_ssim": _ssim(scene.content, picture),
    }


def _styles(done, scene: Scene, reference: Reference) -> dict[str, float]:
    """Each picture against every style, and in place against photograph and style."""
    styles = [scene.style(minimised.job.style_number) for minimised in done]
    pictures = [minimised.picture for minimised in done]
    distances = np.array(
        [[reference.swd(picture, style) for style in styles] for picture in pictures]
    )
    is_own = np.eye(len(done), dtype=bool)
    to_content = [reference.distance(scene.content, picture) for picture in pictures]
    to_style = [
        reference.distance(style, picture)
        for style, picture in zip(styles, pictures, strict=True)
    ]
    return {
        "style_swd_own": float(distances[is_own].mean()),
        "style_swd_other": float(distances[~is_own].mean()),
        "own_style_nearest_percent": 100 * float(np.mean(_are_least(distances))),
        f"log10_content_{reference.name}": float(np.mean(to_content)),
        f"log10_content_{reference.name}_of_style": float(np.mean(to_style)),
        "content_ssim": float(np.mean([_ssim(scene.content, x) for x in pictures])),
        "log10_objective": float(np.mean([_log10(_objective(x)) for x in done])),
    }


def _are_least(distances: np.ndarray) -> np.ndarray:
    """Whether the entry on the diagonal is its row's least, (rows,)."""
    return distances.argmin(axis=1) == np.arange(len(distances))


def _ssim(one, other) -> float:
    """Structural similarity of two pictures as they are shown."""
    return structural_similarity(
        shown(one), shown(other), channel_axis=-1, data_range=1.0
    )


def _starts(done, scene: Scene, reference: Reference) -> dict[str, float]:
    same = [minimised for minimised in done if not minimised.job.style_number]
    (other,) = (minimised for minimised in done if minimised.job.style_number)
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
            found[f"style_swd_{rest}_layers"] = reference.swd(picture, scene.style())
    found["log10_pixel_error_shallowest"] = errors[0]
    found["log10_pixel_error_deepest"] = errors[-1]
    found["depth_rank_correlation"] = _rank_correlation(errors)
    return found


_MEASURES = {
    "one_picture": _one_picture,
    "starts": _starts,
    "styles": _styles,
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
