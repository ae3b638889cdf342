"""Which pictures a variant minimises, one after the other."""

from dataclasses import dataclass, replace

from cai_keras.errors import choose
from cai_keras.stylization.objective import LayerTerm, ObjectiveSettings


@dataclass(frozen=True)
class Job:
    """One picture.

    Attributes:
        name: also of its network.
        title: what figures call it.
        start: where the search begins, a name of `minimisation.STARTS`.
        settings: of its objective.
        style_number: 0 for the seed's style, 1 for the one after it, and so on.
    """

    name: str
    title: str
    start: str
    settings: ObjectiveSettings
    style_number: int = 0


def jobs_of(model) -> list[Job]:
    """The pictures of a recipe's section `model`, at least one."""
    return choose("model.study", model.study, STUDIES)(model)


def settings_of(model) -> ObjectiveSettings:
    """The objective of a recipe's section `model`."""
    return ObjectiveSettings(
        content=LayerTerm(
            model.content.weight, tuple(model.content.layers), model.content.convention
        ),
        style=LayerTerm(
            model.style.weight, tuple(model.style.layers), model.style.convention
        ),
        total_variation=model.total_variation,
    )


def _one_picture(model) -> list[Job]:
    return [Job("picture", "ours", model.start, settings_of(model))]


def _starts(model) -> list[Job]:
    """Section 3.3: from white noise, the content and the style; and another style."""
    settings = settings_of(model)
    jobs = [
        Job(f"from_{start}", f"from {start}", start, settings)
        for start in ("noise", "content", "style")
    ]
    other = Job("other_style", "another style", "noise", settings, 1)
    return [*jobs, other]


def _styles(model) -> list[Job]:
    """Figure 3: one photograph in several styles."""
    settings = settings_of(model)
    return [
        Job(f"style_{number}", "ours", model.start, settings, number)
        for number in range(model.styles)
    ]


def _ratios(model) -> list[Job]:
    """Figure 4: weights of the content, least first."""
    settings = settings_of(model)
    return [
        Job(
            f"ratio_{number}",
            f"content {weight:g}",
            model.start,
            replace(settings, content=replace(settings.content, weight=weight)),
        )
        for number, weight in enumerate(sorted(model.ratios))
    ]


def _reconstructions(model) -> list[Job]:
    """Figure 1: the content from one layer each, the style from more and more."""
    settings = settings_of(model)
    layers = settings.style.layers
    contents = [
        Job(
            f"content_{layer}",
            layer,
            "noise",
            ObjectiveSettings(
                replace(settings.content, weight=1.0, layers=(layer,)),
                replace(settings.style, weight=0.0),
            ),
        )
        for layer in layers
    ]
    styles = [
        Job(
            f"style_{count}",
            layers[0] if count == 1 else f"... {layers[count - 1]}",
            "noise",
            ObjectiveSettings(
                replace(settings.content, weight=0.0),
                replace(settings.style, weight=1.0, layers=layers[:count]),
            ),
        )
        for count in range(1, len(layers) + 1)
    ]
    return contents + styles


STUDIES = {
    "one_picture": _one_picture,
    "starts": _starts,
    "styles": _styles,
    "ratios": _ratios,
    "reconstructions": _reconstructions,
}
