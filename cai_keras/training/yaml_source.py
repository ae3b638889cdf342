"""YAML with the line of every key, so that an error can say where it is."""

from pathlib import Path
from typing import Any

import yaml

from cai_keras.errors import UsageError

# libyaml's loader is about ten times faster; `cai list` reads every paper's file.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlSource:
    """One parsed YAML file: its plain data, and the line of each key path.

    Attributes:
        path: the file, or a short description such as `--set`.
        data: dicts, lists and scalars as `yaml.safe_load` gives them.
        lines: maps a key path such as `("base", "train", "steps")` to its line,
            counted from 1.
    """

    def __init__(self, path: Path | str, text: str | None = None):
        self.path = path
        if text is None:
            text = _read_text(Path(path))
        self.lines: dict[tuple[str, ...], int] = {}
        try:
            node = yaml.compose(text, Loader=_Loader)
            if node is not None:
                self._walk(node, ())
            self.data: Any = yaml.load(text, Loader=_Loader)  # noqa: S506: safe
        except yaml.YAMLError as error:
            raise UsageError(self._describe(error)) from None
        except RecursionError:
            raise UsageError(f"{path}:1: nested too deeply, or in itself") from None
        # PyYAML lets these out for scalars such as 2001-99-99 and `!!int x`.
        except (ValueError, LookupError, AttributeError) as error:
            raise UsageError(f"{path}:1: a value cannot be read ({error})") from None

    def where(self, keys: tuple[str, ...]) -> str:
        """`file:line: a.b.c` for a key path; the nearest parent's line if absent."""
        known = tuple(str(key) for key in keys)
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known, 1)
        return f"{self.path}:{line}: {'.'.join(str(key) for key in keys)}"

    def _walk(self, node: yaml.Node, keys: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key_node, value_node in node.value:
                here = (*keys, str(key_node.value))
                if here in seen:  # PyYAML would silently keep the last one
                    line = key_node.start_mark.line + 1
                    raise UsageError(
                        f"{self.path}:{line}: {'.'.join(here)}: this key stands twice"
                    )
                seen.add(here)
                self.lines[here] = key_node.start_mark.line + 1
                self._walk(value_node, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                here = (*keys, str(index))
                self.lines[here] = item.start_mark.line + 1
                self._walk(item, here)

    def _describe(self, error: yaml.YAMLError) -> str:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        return f"{self.path}:{line}: {problem}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
