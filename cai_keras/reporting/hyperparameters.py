"""What TensorBoard's HParams page shows of a run."""

import math
from collections.abc import Mapping
from typing import Any

from cai_keras.reporting.record import Record


def hyperparameters_of(
    record: Record, recipe: Mapping[str, Any]
) -> dict[str, bool | int | float | str]:
    """The recipe flattened, and which run it is.

    Without the recipe's `seeds`, as each run has its own. What the page cannot show is
    a word: None would hide the run, NaN the whole page.
    """
    # The page shows the first names at first, and capital letters come first.
    run = {
        "Paper": record.paper,
        "Scale": record.scale,
        "Seed": record.seed,
        "Variant": record.variant,
    }
    chosen = {key: value for key, value in recipe.items() if key != "seeds"}
    return {key: _plain(value) for key, value in {**run, **flatten(chosen)}.items()}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _plain(value: Any) -> bool | int | float | str:
    if value is None:
        return "none"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (bool, int, float, str)) else str(value)
