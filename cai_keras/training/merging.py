"""How the layers of a recipe become one: base, a scale, a variant, `--set`.

Mappings merge, everything else replaces. Two rules keep a typing error from going
unseen:

- A layer may change only keys that are there already, to a value of the same type.
- A mapping with the key `name` is a choice with parameters (an optimizer, a
  schedule): naming another choice replaces the mapping as a whole.
"""

import contextlib
import copy
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from cai_keras.errors import UsageError, nearest
from cai_keras.training.yaml_source import YamlSource


def merge(
    values: Mapping[str, Any],
    layer: Any,
    source: YamlSource,
    prefix: tuple[str, ...] = (),
    keys: tuple[str, ...] = (),
) -> dict[str, Any]:
    """`values` with `layer` laid over it; neither of them is changed.

    Args:
        source: the file of the layer, for line numbers.
        prefix: key path of the layer in it.
        keys: key path of `values` and `layer` in their recipe.
    Raises:
        UsageError: a key that `values` lacks; the message names the nearest one.
    """
    if not isinstance(layer, Mapping):
        where = source.where((*prefix, *keys))
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
                merged[key] = merge(old, value, source, prefix, here)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def apply_set(values: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`values` with one `KEY.PATH=VALUE` laid over it; VALUE is YAML."""
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
    return merge(values, layer, YamlSource("--set", "{}"))


def fill_defaults(annotation: Any, value: Any) -> Any:
    """`value` with every key that it leaves out and that has a default, at any depth.

    What does not fit the annotation is returned as it is: validation will name it.

    Args:
        annotation: a pydantic model, or what a model's field is annotated with.
        value: plain data.
    """
    if not isinstance(value, Mapping):
        return value
    choices = _choices(annotation)
    for choice in choices:
        if typing.get_origin(choice) is dict:
            element = typing.get_args(choice)[1]
            return {key: fill_defaults(element, value[key]) for key in value}
    models = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
    if len(models) > 1:  # told apart by `name`
        models = [model for model in models if _has_name(model, value.get("name"))]
    if not models:
        return value
    fields = models[0].model_fields
    filled = {
        key: fill_defaults(fields[key].annotation, entry) if key in fields else entry
        for key, entry in value.items()
    }
    for key, field in fields.items():
        if key not in filled and not field.is_required():
            filled[key] = field.get_default(call_default_factory=True)
    return filled


def _choices(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation itself; without any `Annotated`."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _choices(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [c for part in typing.get_args(annotation) for c in _choices(part)]
    return [annotation]


def _has_name(model: type[BaseModel], name: Any) -> bool:
    field = model.model_fields.get("name")
    return field is not None and typing.get_args(field.annotation) == (name,)
