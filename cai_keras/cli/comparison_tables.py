"""What `cai compare` shows on the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cai_keras.cli.output import print_table, say

if TYPE_CHECKING:
    from cai_keras.reporting.comparison import Comparison, MetricDifference, Ratio
    from cai_keras.reporting.selection import Matching

_METHODS = {"t": "Student's t", "BCa": "BCa bootstrap"}
_MEBIBYTE = 2**20


def print_comparisons(
    a: Path, b: Path, matching: "Matching", found: Sequence["Comparison"]
) -> None:
    """Prints what differs: configs, machines, metrics, costs.

    Of many variants those that are identical in every metric are only named.
    """
    several = len(found) > 1
    say(f"A: {_headline(a, found[0].match.a, several)}")
    say(f"B: {_headline(b, found[0].match.b, several)}")
    if not several:
        say(f"pairs: {', '.join(_pair_text(p) for p in found[0].match.pairs)}")
    for side, names in (("A", matching.only_a), ("B", matching.only_b)):
        for name in names:
            say(f"only in {side}: {name}")
    for comparison in found:
        for text in comparison.match.left_out:
            say(f"left out: {comparison.match.name}, {text}")
    _print_config(found)
    _print_facts(found)
    _print_metrics(found)
    _print_not_compared(found)
    if several:
        _print_ratios(found)
    else:
        _print_costs(found[0])
    _print_methods(found)


def print_grouped(
    title: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], key: str
) -> None:
    """A table in which rows of equal `key` stand below a line that names it.

    A column of long names in every row would leave no room for the numbers.
    """
    first, *others = columns
    shown, last = [], None
    for row in rows:
        if row[key] != last:
            last = row[key]
            shown.append({first: last, **dict.fromkeys(others, "")})
        shown.append({**row, first: f"  {row[first]}"})
    print_table(columns, shown, title)


def _headline(path: Path, name: str, several: bool) -> str:
    return str(path) if several or name in str(path) else f"{path} ({name})"


def _pair_text(pair) -> str:
    a, b = pair.a.record.seed, pair.b.record.seed
    return f"seed {a}" if a == b else f"seed {a} of A with seed {b} of B"


def _print_config(found: Sequence["Comparison"]) -> None:
    rows = [
        {"variant": c.match.name, "key": d.key, "a": d.a, "b": d.b}
        for c in found
        for d in c.config or ()
    ]
    missing = [c.match.name for c in found if c.config is None]
    if rows:
        columns = {"key": "Key", "a": "A", "b": "B"}
        _print_rows("Config", columns, rows, len(found) > 1)
    elif not missing:
        say("config: equal")
    for name in missing:
        say(f"config: not compared, a run of {name} has no config.yaml")


def _print_facts(found: Sequence["Comparison"]) -> None:
    """What differs around the runs, each fact once for all variants."""
    from cai_keras.reporting.environment import fact_differences

    pairs = [(p.a.record, p.b.record) for c in found for p in c.match.pairs]
    facts = fact_differences(pairs)
    if not facts:
        say("machine, versions, commit, precision, strategy, data: equal")
        return
    rows = [
        {"name": f.name, "a": f.a, "b": f.b, "pairs": f"{f.count} of {len(pairs)}"}
        for f in facts
    ]
    columns = {"name": "Around the runs", "a": "A", "b": "B", "pairs": "Pairs"}
    print_table(columns, rows)


def _print_metrics(found: Sequence["Comparison"]) -> None:
    several = len(found) > 1
    same = [c for c in found if c.metrics and all(m.is_identical for m in c.metrics)]
    shown = [c for c in found if not (several and c in same)]
    rows = [_metric_row(c.match.name, m) for c in shown for m in c.metrics]
    columns = {
        "name": "Metric", "a": "A", "b": "B", "difference": "B - A",
        "interval": "95 % interval", "count": "n",
    }  # fmt: skip
    if rows:
        _print_rows("Metrics", columns, rows, several)
    if several and same:
        names = ", ".join(c.match.name for c in same)
        say(f"identical in every metric and pair: {names}")
    for comparison in found:
        for metric in comparison.metrics:
            for text in metric.left_out:
                say(f"left out: {comparison.match.name}, {metric.metric}, {text}")


def _print_not_compared(found: Sequence["Comparison"]) -> None:
    """One line for each reason."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for comparison in found:
        for missing in comparison.not_compared:
            place = (comparison.match.name, missing.metric)
            groups.setdefault(missing.reason, []).append(place)
    for reason, places in groups.items():
        metrics = ", ".join(dict.fromkeys(metric for _, metric in places))
        variants = len({variant for variant, _ in places})
        where = f" ({variants} of {len(found)} variants)" if len(found) > 1 else ""
        say(f"not compared: {metrics}{where}: {reason}")


def _print_costs(comparison: "Comparison") -> None:
    rows = [_ratio_row(ratio) for ratio in comparison.ratios]
    columns = {
        "name": "Cost", "a": "A", "b": "B", "ratio": "B / A",
        "interval": "95 % interval", "count": "n",
    }  # fmt: skip
    if rows:
        print_table(columns, rows, "Costs")


def _print_ratios(found: Sequence["Comparison"]) -> None:
    """One row for each variant: of many only the ratios; --json has all."""
    from cai_keras.reporting.comparison import COSTS

    rows = []
    for comparison in found:
        ratios = {r.name: f"{r.ratio:.3f}" for r in comparison.ratios}
        if ratios:
            rows.append({"variant": comparison.match.name, **ratios})
    names = [name for name in COSTS if any(name in row for row in rows)]
    columns = {"variant": "Variant", **{name: _cost_name(name) for name in names}}
    rows = [{name: row.get(name, "") for name in columns} for row in rows]
    if rows:
        print_table(columns, rows, "Costs, B / A")


def _print_methods(found: Sequence["Comparison"]) -> None:
    results = [r for c in found for r in (*c.metrics, *c.ratios)]
    used = dict.fromkeys(r.interval.method for r in results if r.interval)
    names = " and ".join(_METHODS[method] for method in used)
    if names:
        say(f"intervals: {names} over paired seeds; ratios: geometric mean")
    elif results:
        say("a single pair has no interval")


def _print_rows(title: str, columns, rows, several: bool) -> None:
    if several:
        print_grouped(title, columns, rows, "variant")
    else:
        print_table(columns, rows, title)


def _metric_row(variant: str, found: "MetricDifference") -> dict[str, Any]:
    from cai_keras.reporting.rounding import decimals_for, rounded

    decimals = decimals_for(max(abs(found.mean_a), abs(found.mean_b)), None)
    difference, interval = "identical", ""
    if not found.is_identical:
        difference = _signed(found.difference, decimals)
        if found.interval is not None:
            low, high = found.interval.low, found.interval.high
            interval = f"[{_signed(low, decimals)}, {_signed(high, decimals)}]"
    return {
        "variant": variant,
        "name": found.metric,
        "a": rounded(found.mean_a, decimals),
        "b": rounded(found.mean_b, decimals),
        "difference": difference,
        "interval": interval,
        "count": found.count,
    }


def _ratio_row(found: "Ratio") -> dict[str, Any]:
    is_bytes = found.name.endswith("_bytes")
    unit = _MEBIBYTE if is_bytes else 1
    interval = ""
    if found.interval is not None:
        interval = f"[{found.interval.low:.3f}, {found.interval.high:.3f}]"
    return {
        "name": _cost_name(found.name) + (", MiB" if is_bytes else ""),
        "a": f"{found.mean_a / unit:,.1f}",
        "b": f"{found.mean_b / unit:,.1f}",
        "ratio": f"{found.ratio:.3f}",
        "interval": interval,
        "count": found.count,
    }


def _cost_name(name: str) -> str:
    return name.removesuffix("_bytes").replace("_", " ")


def _signed(value: float, decimals: int) -> str:
    """Rounded, unless that would call a difference zero."""
    from cai_keras.reporting.rounding import rounded

    text = rounded(value, decimals, "+")
    return f"{value:+.1e}" if value and not float(text) else text
