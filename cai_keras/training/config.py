"""A paper's `config.yaml`: strict models, and the recipe of one variant.

A recipe is base, then one scale, then one variant, then `--set`: mappings merge,
everything else replaces. Two rules keep a typing error from going unseen:

- `base` has every key. A scale, a variant or `--set` may change only keys that
  `base` has, to a value of the same type.
- A mapping with the key `name` is a choice with parameters (an optimizer, a
  schedule): naming another choice replaces the mapping as a whole.
"""

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from cai_keras.errors import UsageError, nearest
from cai_keras.reporting.claims import Claim
from cai_keras.training.settings import Strict, TrainSettings
from cai_keras.training.validation import explain
from cai_keras.training.yaml_source import YamlSource

# At least one, from 0 on: a seed names a folder.
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
SCALES = ("smoke", "small", "paper")
SECTIONS = ("data", "model", "train", "evaluate")


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
    base: dict[str, Any]
    scales: dict[str, dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    deviations: list[Deviation]


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
        base = self.file.base
        values = copy.deepcopy(base)
        for keys in (("scales", scale), ("variants", variant)):
            layer = self.source.data[keys[0]][keys[1]] or {}
            values = _merge(values, layer, self.source, keys, ())
        overrides = []
        if data is not None:
            values["data"]["spec"] = data
            overrides.append(f"data.spec={data}")
        for text in sets:
            values = _apply_set(values, text)
            overrides.append(text)
        return self._check(values, scale, variant, tuple(overrides), data is not None)

    def _check(self, values, scale, variant, overrides, data_overridden) -> Recipe:
        for name in ("data", "model", "evaluate"):  # a layer can fill a null of base
            if isinstance(values[name], Mapping):
                _check_keys(values[name], self.source, (name,))
        schema = create_model(
            "Recipe",
            __base__=Strict,
            seeds=(Seeds, ...),
            train=(TrainSettings, ...),
            **{
                name: (_section(name, self.file.base[name], values[name]), ...)
                for name in ("data", "model", "evaluate")
            },
        )
        try:
            parsed = schema.model_validate(values)
        except ValidationError as error:
            layers = (("variants", variant), ("scales", scale), ("base",))
            raise UsageError(
                explain(error, schema, self.source, layers, overrides)
            ) from None
        return Recipe(
            slug=self.slug,
            scale=scale,
            variant=variant,
            seeds=tuple(parsed.seeds),
            data=parsed.data,
            model=parsed.model,
            train=parsed.train,
            evaluate=parsed.evaluate,
            values=values,
            overrides=overrides,
            data_overridden=data_overridden,
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
    document = source.data
    values = document.get("recipe") if isinstance(document, dict) else None
    complete = (
        isinstance(values, dict)
        and set(document) == _RESOLVED_KEYS
        and {"seeds", *SECTIONS} <= set(values)
    )
    if not complete:
        raise UsageError(f"{path}: not the resolved config.yaml of a run")
    for name in ("data", "model", "evaluate"):
        _check_keys(values[name], source, ("recipe", name))
    stub = PaperFile.model_construct(base=values)
    paper = Paper(slug, path.parent, stub, source)
    return paper._check(
        values,
        document["scale"],
        document["variant"],
        tuple(document["overrides"]),
        document["data_overridden"],
    )


_RESOLVED_KEYS = {
    "paper", "scale", "variant", "seed", "overrides", "data_overridden", "recipe"
}  # fmt: skip


def resolved_yaml(recipe: Recipe, seed: int) -> str:
    """The text of a run folder's `config.yaml`."""
    document = {
        "paper": recipe.slug,
        "scale": recipe.scale,
        "variant": recipe.variant,
        "seed": seed,
        "overrides": list(recipe.overrides),
        "data_overridden": recipe.data_overridden,
        "recipe": recipe.values,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _known(what: str, name: str, choices: Mapping[str, Any]) -> None:
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
    for name in ("data", "model", "evaluate"):
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
    seen = set()
    for index, claim in enumerate(file.claims):
        where = source.where(("claims", str(index)))
        if claim.id in seen:
            raise UsageError(f"{where}: the id {claim.id!r} stands twice")
        seen.add(claim.id)
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


def _merge(values, layer, source, prefix, keys):
    """`values` with `layer` laid over it; the rules are in the module's docstring."""
    where = source.where((*prefix, *keys))
    if not isinstance(layer, Mapping):
        raise UsageError(f"{where}: expected a mapping, found {layer!r}")
    merged = dict(values)
    for key, value in layer.items():
        here = (*keys, str(key))
        if key not in values:
            where = source.where((*prefix, *here))
            raise UsageError(f"{where}: unknown key; {nearest(str(key), values)}")
        old = values[key]
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if "name" in value and value["name"] != old.get("name"):
                merged[key] = copy.deepcopy(dict(value))
            else:
                merged[key] = _merge(old, value, source, prefix, here)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _apply_set(values: dict, text: str) -> dict:
    path, equals, value_text = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {text}: expected KEY.PATH=VALUE")
    value = YamlSource("--set", value_text).data
    if isinstance(value, str):  # YAML 1.1 reads 1e-4 as a string
        with contextlib.suppress(ValueError):  # a plain word
            value = float(value)
    layer: Any = value
    for key in reversed(path.split(".")):
        layer = {key: layer}
    return _merge(values, layer, YamlSource("--set", "{}"), (), ())


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
