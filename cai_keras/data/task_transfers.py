"""Transfers between tasks, and what files of affinities and win rates say of them."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cai_keras.data.restricted_pickle import read_pickled_numbers
from cai_keras.errors import DataError

# A network of the task itself, trained on all of its labels.
SELF = "self"
# Between names in a key of the published dictionaries.
SEPARATOR = "__"
# The best transfer of several sources was never more than 2.2 times the best of one in
# the sound published targets, and 450 to 770 times in the damaged ones.
LARGEST_RATIO = 20.0


@dataclass(frozen=True)
class Transfer:
    """A network for `target` on the features of networks for `sources`.

    value: an affinity (of a target, all sum to 1), or a win rate in [0, 1].
    """

    sources: tuple[str, ...]
    target: str
    value: float

    @property
    def order(self) -> int:
        return len(self.sources)

    @property
    def is_self(self) -> bool:
        """Whether it is the target's own network, trained on all labels."""
        return self.sources == (SELF,)

    @property
    def trained(self) -> tuple[str, ...]:
        """The tasks whose networks it needs."""
        return (self.target,) if self.is_self else self.sources

    @property
    def key(self) -> tuple[frozenset, str]:
        """What it is about: sources have no order."""
        return frozenset(self.sources), self.target


def read_transfers(path: Path) -> list[Transfer]:
    """All transfers of a file, in its order.

    A list of `{"sources": [...], "target": ..., "value": ...}` or a dictionary
    `{"source__source__target": value}` in JSON, or that dictionary as a pickle (the
    form of StanfordVL/taskonomy, `results/`).

    Raises:
        DataError: with the file, the entry, what was expected and what was found.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.suffix in (".pkl", ".pickle"):
        found = read_pickled_numbers(path)
    else:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            text = str(error).splitlines()[0]
            raise DataError(f"{path}: expected JSON: {text}") from error
    if isinstance(found, dict):
        transfers = [_of_key(path, key, value) for key, value in found.items()]
    elif isinstance(found, list):
        transfers = [_of_entry(path, n, entry) for n, entry in enumerate(found)]
    else:
        kind = type(found).__name__
        raise DataError(f"{path}: expected a list or a dictionary, found a {kind}")
    if not transfers:
        raise DataError(f"{path}: no transfers in it")
    twice = [key for key, n in Counter(t.key for t in transfers).items() if n > 1]
    if twice:
        sources, target = twice[0]
        raise DataError(f"{path}: {sorted(sources)} to {target!r} occurs twice")
    return transfers


def damaged_targets(transfers: Iterable[Transfer]) -> dict[str, str]:
    """Target -> why its affinities cannot be right.

    In the published file without a suffix, transfers that were never run entered the
    tournament as if they had won on every image: they take 99 % of three targets'
    affinity. The mark is a transfer of several sources that is worth far more than
    the best of one, `LARGEST_RATIO` times.
    """
    by_target = defaultdict(list)
    for transfer in transfers:
        by_target[transfer.target].append(transfer)
    found = {}
    for target, candidates in by_target.items():
        single = [t.value for t in candidates if t.order == 1 and not t.is_self]
        several = [t.value for t in candidates if t.order > 1]
        if not single or not several:
            continue
        limit = LARGEST_RATIO * max(single)
        large = [value for value in several if value > limit]
        if large:
            share = 100 * sum(large) / sum(t.value for t in candidates)
            found[target] = (
                f"{len(large)} transfers of several sources hold {share:.1f} % of its "
                f"affinity, each over {LARGEST_RATIO:.0f} times the best of one source"
            )
    return found


def values_by_key(transfers: Iterable[Transfer]) -> dict[tuple, float]:
    """`Transfer.key` -> value."""
    return {transfer.key: transfer.value for transfer in transfers}


def sums_of_targets(transfers: Iterable[Transfer]) -> dict[str, float]:
    """Target -> sum of its values; 1 for affinities of a whole tournament."""
    sums = defaultdict(float)
    for transfer in transfers:
        sums[transfer.target] += transfer.value
    return dict(sums)


def _of_key(path: Path, key: str, value) -> Transfer:
    *sources, target = key.split(SEPARATOR)
    return _checked(path, repr(key), sources, target, value)


def _of_entry(path: Path, number: int, entry) -> Transfer:
    place = f"entry {number}"
    names = {"sources", "target", "value"}
    if not isinstance(entry, dict) or set(entry) != names:
        what = ", ".join(sorted(names))
        raise DataError(f"{path}: {place}: expected {what}; found {entry!r:.80}")
    return _checked(path, place, entry["sources"], entry["target"], entry["value"])


def _checked(path: Path, place: str, sources, target, value) -> Transfer:
    names = [*sources, target] if isinstance(sources, (list, tuple)) else []
    if len(names) < 2 or not all(isinstance(n, str) and n for n in names):
        raise DataError(f"{path}: {place}: expected names of sources and of a target")
    if len(set(sources)) < len(sources):
        raise DataError(f"{path}: {place}: a source occurs twice: {list(sources)}")
    if SELF in sources and len(sources) > 1:
        raise DataError(
            f"{path}: {place}: {SELF!r} cannot have other sources beside it"
        )
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise DataError(f"{path}: {place}: expected a number of 0 or more: {value!r}")
    return Transfer(tuple(sources), target, float(value))
