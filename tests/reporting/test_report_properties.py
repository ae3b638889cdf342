"""Any folder of records gives the right rows, or lines that say what is damaged."""

import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from cai_keras.reporting.claims import EffectClaim, PaperClaims, ValueClaim
from cai_keras.reporting.damage import read_folder
from cai_keras.reporting.formats import (
    measured_markdown,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
)
from cai_keras.reporting.table import build_rows

METRIC = "test/error_percent"
PAPER = PaperClaims(
    slug="some_paper",
    claims=(
        ValueClaim(
            kind="value", id="number", variant="method", metric=METRIC,
            better="lower", value=8.75, tolerance=0.5, source="Table 6",
        ),
        EffectClaim(
            kind="effect", id="effect", variant="method", baseline="plain",
            metric=METRIC, better="lower", margin=1.0, published=None, source="",
        ),
    ),
    paper_steps={"method": 200, "plain": 200},
    seeds={"method": (0, 1, 2), "plain": (0, 1, 2)},
)  # fmt: skip


def _mostly(usual, *others):
    """Groups need runs in common: nine in ten are the usual ones."""
    return st.sampled_from([usual] * 9 * len(others) + list(others))


# A value of a seed may be null, absent, of another passport, or extreme.
_ENTRIES = st.one_of(
    st.none(),
    st.just({"value": None, "reason": "no test split"}),
    st.builds(lambda v: {"value": v, "count": 20}, st.floats(-1e100, 1e100)),
    *[st.builds(lambda v: {"value": v / 4, "count": 20}, st.integers(0, 400))] * 6,
    st.builds(
        lambda n: {"value": 9.0, "count": 20, "passport": {"n": n}}, st.integers(1, 2)
    ),
)
_RUNS = st.fixed_dictionaries(
    {
        "paper": _mostly("some_paper", "another"),
        "variant": st.sampled_from(["method", "plain"] * 5 + ["third"]),
        "scale": _mostly("small", "paper", "smoke"),
        "seed": st.integers(0, 3),
        "data": _mostly("gly|phs", "a\nb\x1b[2J", r"\[/x]<b>", "cifar10"),
        "version": _mostly("1.0.0", "2.0.0"),
        "overrides": _mostly([], ["model.width=2"], [r"a=\[/x]"]),
        "state": _mostly("done", "failed", "running", "interrupted"),
        "entry": _ENTRIES,
        "reason": st.sampled_from([None, "the loss is nan\nat step 3", "\ud800"]),
    }
)
# Each leaves a file that no reader may take for a record.
_DAMAGES = {
    "empty": lambda text: b"",
    "truncated": lambda text: text[: len(text) // 2],
    "binary": lambda text: b"\x80\xff\x00" + text[:40],
    "version": lambda text: _changed(text, schema_version=2),
    "seed": lambda text: _changed(text, seed="0"),
    "state": lambda text: _changed(text, state="finished"),
    "metrics": lambda text: _changed(text, metrics=[]),
    "value": lambda text: _changed(text, metrics={METRIC: {"value": "8.75"}}),
    "infinite": lambda text: _changed(text, wall_seconds=float("inf")),
    "unknown": lambda text: _changed(text, colour="green"),
    "deep": lambda text: b"[" * 100_000,
    "folder": None,
}
_FILES = st.lists(st.tuples(_RUNS, _mostly(None, *_DAMAGES)), max_size=16)


def _changed(text: bytes, **changes) -> bytes:
    return json.dumps({**json.loads(text), **changes}).encode()


@pytest.fixture(scope="module")
def write_folder(make_record):
    """Function from files to the sound runs among them, written below a folder."""
    template = make_record().model_dump(mode="json")

    def write(output: Path, files) -> list[dict]:
        sound = []
        for index, (run, damage) in enumerate(files):
            place = output / run["paper"] / f"run{index}" / "record.json"
            place.parent.mkdir(parents=True)
            if damage == "folder":
                place.mkdir()
                continue
            text = json.dumps(_content(template, run)).encode()
            if damage is not None:
                text = _DAMAGES[damage](text)
            elif "\ud800" in (run["reason"] or ""):
                damage = "a lone surrogate, which JSON readers refuse"
            place.write_bytes(text)
            if damage is None:
                sound.append(run)
        return sound

    return write


def _content(template: dict, run: dict) -> dict:
    metrics = {} if run["entry"] is None else {METRIC: run["entry"]}
    data = {
        **template["dataset"],
        "name": run["data"],
        "version": run["version"],
        "stand_in": run["data"] != "cifar10",
    }
    same = {k: run[k] for k in ("paper", "variant", "scale", "seed", "overrides")}
    rest = {"state": run["state"], "reason": run["reason"], "run_name": "x"}
    return {**template, **same, **rest, "dataset": data, "metrics": metrics}


def _expected(sound: list[dict]) -> dict:
    """By claim and group: n, mean and interval, worked out another way.

    The group is scale, data, changes and version; None stands for results that must
    not be averaged or compared.
    """
    runs = [r for r in sound if r["paper"] == "some_paper" and r["scale"] != "smoke"]
    settings = defaultdict(list)
    for run in runs:
        settings[run["scale"], run["data"], tuple(run["overrides"])].append(run)
    expected = {}
    for key, members in settings.items():
        versions = defaultdict(list)
        for run in members:
            versions[run["version"]].append(run)
        for version, found in versions.items():
            method = _seeds(found, "method")
            if _ran(found, "method"):
                summary = None if method is None else _summary(method)
                expected["number", *key, version] = summary
            if _ran(found, "method") and _ran(found, "plain"):
                expected["effect", *key, version] = _gain(
                    method, _seeds(found, "plain")
                )
        if len(versions) > 1 and not any(
            ("effect", *key, v) in expected for v in versions
        ):
            # Nothing to compare within a version; the table says why there is not.
            gain = _gain(_seeds(members, "method"), _seeds(members, "plain"))
            if gain is None and _ran(members, "method") and _ran(members, "plain"):
                expected["effect", *key, "both"] = None
    return expected


def _ran(runs: list[dict], variant: str) -> bool:
    return any(run["variant"] == variant for run in runs)


def _gain(method: dict | None, plain: dict | None) -> tuple | None:
    if method is None or plain is None:
        return None
    kinds = {kind for _, kind in (*method.values(), *plain.values())}
    if method and plain and len(kinds) > 1:
        return None
    pairs = method.keys() & plain.keys()
    return _summary({s: (plain[s][0] - method[s][0],) for s in pairs})


def _seeds(runs: list[dict], variant: str) -> dict | None:
    """(value, what it was measured with) by seed; None where these are unlike."""
    found = {}
    for run in runs:
        entry = run["entry"]
        is_done = run["variant"] == variant and run["state"] == "done"
        if not is_done or entry is None or entry["value"] is None:
            continue
        result = (entry["value"], f"{entry.get('passport')} {run['version']}")
        if found.setdefault(run["seed"], result) != result:
            return None
    return found if len({kind for _, kind in found.values()}) <= 1 else None


def _summary(results: dict) -> tuple:
    values = np.array([results[seed][0] for seed in sorted(results)], np.longdouble)
    if len(values) == 0:
        return (0, None, None, None)
    mean = values.mean()
    if len(values) == 1:
        return (1, float(mean), None, None)
    deviation = np.sqrt(((values - mean) ** 2).sum() / (len(values) - 1))
    half = stats.t.ppf(0.975, len(values) - 1) * deviation / np.sqrt(len(values))
    return (len(values), float(mean), float(mean - half), float(mean + half))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=_FILES)
def test_rows_are_those_of_the_sound_records_and_damage_is_listed(write_folder, files):
    with TemporaryDirectory() as folder:
        output = Path(folder)
        sound = write_folder(output, files)
        found = read_folder(output, [PAPER])

    rows = build_rows([PAPER], found.records)

    assert len(found.runs) == len(sound)
    assert len(found.problems) == len(files) - len(sound)
    assert all(problem.isprintable() for problem in found.problems)
    assert all("record.json: " in problem for problem in found.problems)
    expected = _expected(sound)
    told = [row for row in rows if row.data]
    ours = sorted(
        (row.claim, row.scale, row.count, _text(row.mean), _text(row.low))
        for row in told
    )
    theirs = sorted(
        (claim, scale, *_shortened(summary))
        for (claim, scale, *_), summary in expected.items()
    )
    assert ours == theirs
    assert [row.verdict for row in rows if not row.data] == ["not run"] * (
        2 - len({row.claim for row in told})
    )


def _shortened(summary: tuple | None) -> tuple:
    if summary is None:
        return (0, "", "")
    count, mean, low, _ = summary
    return (count, _text(mean), _text(low))


def _text(value: float | None) -> str:
    """Nine digits: two ways of adding floats differ in the last ones."""
    return "" if value is None else f"{value:.9g}"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=_FILES)
def test_every_form_has_a_line_for_every_row(write_folder, files):
    with TemporaryDirectory() as folder:
        output = Path(folder)
        write_folder(output, files)
        found = read_folder(output, [PAPER])
    rows = build_rows([PAPER], found.records)

    assert len(to_csv(rows).splitlines()) == 1 + len(rows)
    assert len(json.loads(to_json(rows))) == len(rows)
    assert len(to_markdown(rows).splitlines()) == 4 + len(rows)
    assert len(to_latex(rows).splitlines()) == 7 + len(rows)
    measured_markdown(found.records).encode("utf-8")
