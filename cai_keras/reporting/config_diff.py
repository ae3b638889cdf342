"""The keys in which two resolved configs differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = "absent"


@dataclass(frozen=True)
class KeyDifference:
    """One key, dotted as `--set` takes it.

    Attributes:
        a, b: values as `--set` takes them, or `absent` where that config has no such
            key; where pairs of runs differ in other ways, all values.
    """

    key: str
    a: str
    b: str


def config_differences(
    a: Mapping[str, Any], b: Mapping[str, Any]
) -> list[KeyDifference]:
    """The keys whose values differ, in A's order, then those that only B has.

    Sections are entered; a section that faces a plain value or nothing is one value.
    """
    return list(_differences(a, b, ""))


def _differences(
    a: Mapping[str, Any], b: Mapping[str, Any], prefix: str
) -> Iterator[KeyDifference]:
    for key in [*a, *(key for key in b if key not in a)]:
        name = f"{prefix}{key}"
        if key not in a:
            yield KeyDifference(name, ABSENT, value_text(b[key]))
        elif key not in b:
            yield KeyDifference(name, value_text(a[key]), ABSENT)
        elif isinstance(a[key], Mapping) and isinstance(b[key], Mapping):
            yield from _differences(a[key], b[key], f"{name}.")
        elif not _is_same(a[key], b[key]):
            yield KeyDifference(name, value_text(a[key]), value_text(b[key]))


def _is_same(a: Any, b: Any) -> bool:
    """Equal, where `true` is not 1 and a NaN is itself; 1 and 1.0 are one number."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return a == b or value_text(a) == value_text(b)


def value_text(value: Any) -> str:
    """A value on one line, in YAML."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("\n...\n").strip()
