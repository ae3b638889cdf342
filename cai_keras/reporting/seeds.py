"""Whether runs differ in nothing but the seed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from cai_keras.errors import UsageError
from cai_keras.reporting.comparability import collect
from cai_keras.reporting.config_diff import config_differences
from cai_keras.reporting.grouping import DataCopy, Setting
from cai_keras.reporting.plain_text import one_line
from cai_keras.reporting.record import Record

# The C parser where PyYAML has it: many times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_recipe(path: Path) -> Mapping[str, Any]:
    """The recipe in a run's `config.yaml`; empty where there is no such file.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # Without the only line in which seeds differ, one parse serves all of them.
        return _recipe(re.sub(r"^seed: \d+\n", "", text, flags=re.MULTILINE))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, yaml.YAMLError):  # bytes that are not UTF-8: a ValueError
        raise UsageError(f"{path}: not a resolved config") from None


@lru_cache(maxsize=64)
def _recipe(text: str) -> Mapping[str, Any]:
    document = yaml.load(text, _LOADER)
    recipe = document.get("recipe") if isinstance(document, dict) else None
    if not isinstance(recipe, dict):
        raise ValueError("no recipe")
    return recipe


def why_not_seeds(
    records: Sequence[Record], recipes: Sequence[Mapping[str, Any]]
) -> str:
    """Why these are not one variant with several seeds; empty where they are.

    What the table asks before it averages, of every metric; and equal recipes, where
    both are known.
    """
    first, *others = zip(records, recipes, strict=True)
    for other in others:
        differences = config_differences(_place(first[0]), _place(other[0]))
        if not differences and first[1] and other[1]:
            differences = config_differences(first[1], other[1])
        for difference in differences:
            return (
                f"{difference.key} is {one_line(difference.a, 40)} for seed "
                f"{first[0].seed}, {one_line(difference.b, 40)} for seed "
                f"{other[0].seed}"
            )
    metrics = dict.fromkeys(name for record in records for name in record.metrics)
    conflicts = (collect(metric, records).conflict for metric in metrics)
    return next(filter(None, conflicts), "")


def _place(record: Record) -> dict[str, Any]:
    """Which row of the table a record belongs to."""
    data = {f"data {key}": value for key, value in asdict(DataCopy.of(record)).items()}
    setting = asdict(Setting.of(record))
    setting["changes"] = list(setting["changes"])
    return {"paper": record.paper, "variant": record.variant, **setting, **data}
