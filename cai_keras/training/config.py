"""A paper's `config.yaml`: strict models, and the recipe of one variant.

A recipe is base, then one scale, then one variant, then what the variant says of that
scale under its key `scales` (some have a data set and a schedule of their own), then
`--set`, merged as `merging.py` says. `base` has every key; keys of `train` that have a
default, because they are the engine's and not a paper's, may be left out and are
filled in.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.claims import Claim
from cai_keras.reporting.paper_figures import PaperFigure
from cai_keras.training.merging import apply_set, fill_defaults, merge
from cai_keras.training.settings import MACHINE_KEYS, Strict, TrainSettings
from cai_keras.training.validation import explain
from cai_keras.training.yaml_source import YamlSource

# At least one, from 0 on: a seed names a folder.
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
SCALES = ("smoke", "small", "paper")
OPEN_SECTIONS = ("data", "model", "evaluate")  # the keys are the paper's own
SECTIONS = (*OPEN_SECTIONS, "train")


class PaperInfo(Strict):
    """Who wrote it, where it appeared, and which data sets its numbers are about."""

    title: str
    authors: str
    year: int
    venue: str
    arxiv: str | None
    datasets: list[str]


class PublishedNetwork(Strict):
    """The parameter count that `cai params` shows beside ours."""

    variant: str
    network: str
    parameters: int
    source: str


class Deviation(Strict):
    """One difference from the paper, or one choice that the paper leaves open."""

    field: str
    paper: Any
    ours: Any
    why: str


class PaperFile(Strict):
    """The whole of `config.yaml`, still unmerged."""

    paper: PaperInfo
    networks: list[PublishedNetwork]
    claims: list[Claim]
    figures: list[PaperFigure]
    base: dict[str, Any]
    scales: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    deviations: list[Deviation]


class _ResolvedFile(Strict):
    """The `config.yaml` in a run's folder: a merged recipe, and whose it is."""

    paper: str
    scale: str
    variant: str
    seed: int
    overrides: list[str]
    data_overridden: bool
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """One variant at one scale, merged and checked.

    Attributes:
        data, model, evaluate: attribute access to the paper's own keys.
        train: the engine's settings.
        values: the same as plain data, as the record and `config.yaml` keep it.
        overrides: what the user changed by `--set` or `--data`.
    """

    slug: str
    scale: str
    variant: str
    seeds: tuple[int, ...]
    data: Any
    model: Any
    train: TrainSettings
    evaluate: Any
    values: dict[str, Any]
    overrides: tuple[str, ...] = ()
    data_overridden: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What the run computes: two runs with equal ones are the same run.

        The values without those that say where and how it is computed, so that a
        run can go on with more devices.
        """
        train = self.values["train"]
        computed = {key: train[key] for key in train if key not in MACHINE_KEYS}
        return {**self.values, "train": computed}

    @property
    def run_name(self) -> str:
        """The run folder's variant part: `variant`, or `variant@data` with `--data`.

        The data set is in the name so that runs of one variant on two data sets
        can lie in one output folder.
        """
        if not self.data_overridden:
            return self.variant
        tail = self.data.spec.partition(":")[2].rstrip("/").rsplit("/", 1)[-1]
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in tail)
        return f"{self.variant}@{safe or 'data'}"


@dataclass(frozen=True)
class Paper:
    """A paper's folder as the command line sees it, without TensorFlow."""

    slug: str
    folder: Path
    file: PaperFile
    source: YamlSource = field(repr=False)

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.file.variants)

    def recipe(
        self,
        scale: str,
        variant: str,
        data: str | None = None,
        sets: Sequence[str] = (),
    ) -> Recipe:
        """Merges and checks base, scale, variant, `--data` and `--set`.

        Raises:
            UsageError: an unknown scale, variant or key, or a value of another type;
                the message names file, line and the nearest valid name.
        """
        _known("scale", scale, self.file.scales)
        _known(f"{self.slug}: variant", variant, self.file.variants)
        values = _filled(copy.deepcopy(self.file.base))
        body = dict(self.source.data["variants"][variant])
        own = body.pop("scales", {}).get(scale, {})
        own_keys = ("variants", variant, "scales", scale)
        for keys, layer in (
            (("scales", scale), self.source.data["scales"][scale]),
            (("variants", variant), body),
            (own_keys, own),
        ):
            values = _filled(merge(values, layer, self.source, keys))
        overrides = []
        if data is not None:
            values = merge(values, {"data": {"spec": data}}, YamlSource("--data", ""))
            overrides.append(f"data.spec={data}")
        for text in sets:
            values = _filled(apply_set(values, text))
            overrides.append(text)
        layers = (own_keys, ("variants", variant), ("scales", scale), ("base",))
        return Recipe(
            slug=self.slug,
            scale=scale,
            variant=variant,
            **_parse(values, self.file.base, self.source, layers, overrides),
            overrides=tuple(overrides),
            data_overridden=data is not None,
        )


def load_paper(folder: Path) -> Paper:
    """Reads `folder/config.yaml` and checks everything that needs no merging.

    Raises:
        UsageError: with file, line, key path and the nearest valid key.
    """
    source = YamlSource(folder / "config.yaml")
    if not isinstance(source.data, dict):
        raise UsageError(f"{source.path}:1: expected a mapping, found nothing")
    for keys in ("scales", "variants"):
        section = source.data.get(keys)
        if isinstance(section, dict):  # `conv:` alone means no changes
            source.data[keys] = {k: {} if v is None else v for k, v in section.items()}
    try:
        file = PaperFile.model_validate(source.data)
    except ValidationError as error:
        raise UsageError(explain(error, PaperFile, source, ((),))) from None
    paper = Paper(folder.name, folder, file, source)
    _check_structure(paper)
    return paper


def load_resolved(path: Path, slug: str) -> Recipe:
    """The recipe of a finished run, from the `config.yaml` in its folder.

    The run's own values are the whole truth here: neither the paper's current
    file nor its scales take part.
    """
    source = YamlSource(path)
    try:
        run = _ResolvedFile.model_validate(source.data)
        complete = {"seeds", *SECTIONS} <= set(run.recipe)
    except ValidationError:
        complete = False
    if not complete:
        raise UsageError(f"{path}: not the resolved config.yaml of a run")
    for name in OPEN_SECTIONS:
        _check_keys(run.recipe[name], source, ("recipe", name))
    # An older run does not name what the engine has learned since.
    values = _filled(run.recipe)
    return Recipe(
        slug=slug,
        scale=run.scale,
        variant=run.variant,
        **_parse(values, values, source, layers=(("recipe",),)),
        overrides=tuple(run.overrides),
        data_overridden=run.data_overridden,
    )


def resolved_yaml(recipe: Recipe, seed: int) -> str:
    """The text of a run folder's `config.yaml`."""
    document = _ResolvedFile(
        paper=recipe.slug,
        scale=recipe.scale,
        variant=recipe.variant,
        seed=seed,
        overrides=list(recipe.overrides),
        data_overridden=recipe.data_overridden,
        recipe=recipe.values,
    )
    return yaml.safe_dump(document.model_dump(), sort_keys=False)


def _known(what: str, name: str, choices: Iterable[str]) -> None:
    if name not in choices:
        raise UsageError(f"{what}: unknown name {name!r}; {nearest(name, choices)}")


def _check_structure(paper: Paper) -> None:
    file, source = paper.file, paper.source
    expected = {"seeds", *SECTIONS}
    for key in file.base:
        if key not in expected:
            where = source.where(("base", key))
            raise UsageError(f"{where}: unknown key; {nearest(key, sorted(expected))}")
    for key in sorted(expected - set(file.base)):
        raise UsageError(f"{source.where(('base',))}: the key {key!r} is missing")
    for name in OPEN_SECTIONS:
        _check_keys(file.base[name], source, ("base", name))
    for key, kind in (("spec", str), ("batch_size", int)):  # the engine's own
        if not isinstance(file.base["data"].get(key), kind):
            where = source.where(("base", "data", key))
            raise UsageError(f"{where}: this key is missing or no {kind.__name__}")
    for key in file.scales:
        if key not in SCALES:
            where = source.where(("scales", key))
            raise UsageError(f"{where}: unknown scale; {nearest(key, SCALES)}")
    for key in SCALES:
        if key not in file.scales:
            raise UsageError(f"{source.where(('scales',))}: {key!r} is missing")
    for variant, body in file.variants.items():
        own = body.get("scales", {})
        where = source.where(("variants", variant, "scales"))
        if not isinstance(own, Mapping):
            raise UsageError(f"{where}: expected a mapping, found {own!r}")
        for key in own:
            _known(where, key, SCALES)
    for name in ("claims", "figures"):
        _check_ids(getattr(file, name), source, name)
    for index, claim in enumerate(file.claims):
        where = source.where(("claims", str(index)))
        for attribute in ("variant", "baseline"):
            name = getattr(claim, attribute, None)
            if name is not None and name not in file.variants:
                close = nearest(name, file.variants)
                raise UsageError(f"{where}.{attribute}: unknown {name!r}; {close}")
    for index, network in enumerate(file.networks):
        if network.variant not in file.variants:
            where = source.where(("networks", str(index)))
            close = nearest(network.variant, file.variants)
            raise UsageError(f"{where}: unknown variant {network.variant!r}; {close}")


def _check_ids(entries: Sequence[Any], source: YamlSource, section: str) -> None:
    seen = set()
    for index, entry in enumerate(entries):
        if entry.id in seen:
            where = source.where((section, str(index)))
            raise UsageError(f"{where}: the id {entry.id!r} stands twice")
        seen.add(entry.id)


def _check_keys(section, source, keys: tuple[str, ...]) -> None:
    """A section is a mapping whose keys can be attributes of a recipe's section."""
    if not isinstance(section, Mapping):
        where = source.where(keys)
        raise UsageError(f"{where}: expected a mapping, found {section!r}")
    for key, value in section.items():
        here = (*keys, str(key))
        if not isinstance(key, str) or key.startswith("_") or hasattr(BaseModel, key):
            raise UsageError(f"{source.where(here)}: no key may have this name")
        if isinstance(value, Mapping):
            _check_keys(value, source, here)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with the defaults of `train`, also of a choice that was just named."""
    return {**values, "train": fill_defaults(TrainSettings, values["train"])}


def _parse(values, base, source, layers, overrides=()) -> dict[str, Any]:
    """The checked parts of a `Recipe`: its sections, and `values` themselves.

    Args:
        base: its keys and types are those that data, model and evaluate must have.
        source, layers, overrides: where the values come from, for errors.
    """
    for name in OPEN_SECTIONS:  # a layer can fill a null of base
        if isinstance(values[name], Mapping):
            _check_keys(values[name], source, (name,))
    schema = create_model(
        "Recipe",
        __base__=Strict,
        seeds=(Seeds, ...),
        train=(TrainSettings, ...),
        **{
            name: (_section(name, base[name], values[name]), ...)
            for name in OPEN_SECTIONS
        },
    )
    try:
        parsed = schema.model_validate(values)
    except ValidationError as error:
        raise UsageError(explain(error, schema, source, layers, overrides)) from None
    return {
        "seeds": tuple(parsed.seeds),
        "train": parsed.train,
        **{name: getattr(parsed, name) for name in OPEN_SECTIONS},
        "values": values,
    }


def _section(name: str, base: Any, values: Any) -> type[BaseModel]:
    """A strict model whose keys and types are those of `base`.

    A key that is null in `base` takes the type of its merged value, so that a
    mapping is a section whichever layer it stands in.
    """
    if not isinstance(base, Mapping):
        raise UsageError(f"base.{name}: expected a mapping, found {base!r}")
    merged = values if isinstance(values, Mapping) else {}
    fields = {
        str(key): (_type_of(f"{name}.{key}", value, merged.get(key)), ...)
        for key, value in base.items()
    }
    config = ConfigDict(
        extra="forbid", frozen=True, strict=True, protected_namespaces=()
    )
    return create_model(f"{name.title()}Section", __config__=config, **fields)


def _type_of(name: str, base: Any, value: Any) -> Any:
    if base is None:
        return None if value is None else _type_of(name, value, value)
    if isinstance(base, Mapping):
        return _section(name, base, value)
    if isinstance(base, list):
        kinds = {_type_of(name, item, item) for item in base}
        return list[kinds.pop()] if len(kinds) == 1 else list[Any]
    return type(base)
