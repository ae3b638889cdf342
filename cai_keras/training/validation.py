"""pydantic's errors as one line each: file, line, key, expected, found, nearest."""

import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from cai_keras.errors import nearest
from cai_keras.training.yaml_source import YamlSource

_MOST_LINES = 2  # an error message is one or two lines


def explain(
    error: ValidationError,
    schema: type[BaseModel],
    source: YamlSource,
    layers: Sequence[tuple[str, ...]],
    overrides: Sequence[str] = (),
) -> str:
    """The first errors of `error`, each where the user can mend it.

    Args:
        schema: the model that refused.
        source: the file, for line numbers.
        layers: key paths of the layers that were merged, last one first; the
            first layer that holds the offending key is named.
        overrides: `KEY.PATH=VALUE` texts laid over all of them.
    """
    details = error.errors(include_url=False)
    lines = [
        _line(item, schema, source, layers, overrides) for item in details[:_MOST_LINES]
    ]
    left = len(details) - len(lines)
    if left:
        lines[-1] += f" (and {left} more)"
    return "\n".join(lines)


def _line(item, schema, source, layers, overrides) -> str:
    keys, model = _resolve(item["loc"], schema)
    where = source.where(_layer_of(keys, source, layers))
    path = ".".join(keys)
    for text in overrides:
        if f"{path}.".startswith(text.partition("=")[0] + "."):
            where = f"--set {text}"
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key; {nearest(keys[-1], _field_names(model))}"
    if item["type"] == "missing":
        return f"{where}: this key is missing"
    if item["type"].startswith("union_tag"):
        return f"{where}: {item['msg']}"
    message = item["msg"][0].lower() + item["msg"][1:]
    found = item["input"]
    hint = ""
    if isinstance(found, str) and item["type"].startswith(("float", "int")):
        hint = _number_hint(found)
    return f"{where}: {message}, found {found!r}{hint}"


def _number_hint(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return ""
    mantissa, _, exponent = f"{value:e}".partition("e")
    mantissa = mantissa.rstrip("0") + (
        "0" if mantissa.rstrip("0").endswith(".") else ""
    )
    return f" (YAML reads this as text: write {mantissa}e{int(exponent):+d})"


def _layer_of(keys, source, layers) -> tuple[str, ...]:
    for layer in layers:
        if (*layer, *keys) in source.lines:
            return (*layer, *keys)
    return (*layers[-1], *keys)


def _resolve(location, schema) -> tuple[tuple[str, ...], type[BaseModel] | None]:
    """Key path without pydantic's union tags, and the model that holds its end."""
    keys: list[str] = []
    current: Any = schema
    holder = None
    for part in location:
        models = _models(current)
        tagged = [m for m in models if _tag(m) == part]
        if len(models) > 1 and tagged:
            current = tagged[0]  # the part is a tag, not a key
            continue
        keys.append(str(part))
        holder = models[0] if models else None
        if holder is not None:
            entry = holder.model_fields.get(str(part))
            current = entry.annotation if entry else None
        else:
            current = _element(current)
    return tuple(keys), holder


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation may be: itself, or the members of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _models(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [m for part in typing.get_args(annotation) for m in _models(part)]
    return []


def _element(annotation: Any) -> Any:
    """What a list or a dict holds; through Optional and Annotated."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (list, dict):
        return arguments[-1]
    if origin is typing.Annotated:
        return _element(arguments[0])
    if origin in (typing.Union, types.UnionType):
        elements = [_element(part) for part in arguments]
        return next((element for element in elements if element is not None), None)
    return None


def _tag(model: type[BaseModel]) -> str | None:
    for key in ("kind", "name"):
        entry = model.model_fields.get(key)
        if entry and typing.get_origin(entry.annotation) is typing.Literal:
            return typing.get_args(entry.annotation)[0]
    return None


def _field_names(model: type[BaseModel] | None) -> list[str]:
    return list(model.model_fields) if model else []
