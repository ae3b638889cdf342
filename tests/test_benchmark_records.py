"""The committed benchmarks, and what docs/benchmark_results.md says of them."""

import json
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.layer_table import PASSES
from benchmarks.measured_rows import four_digits
from benchmarks.rows import BenchmarkFile, read_benchmark
from benchmarks.score_file import read_current_score
from benchmarks.spread import spread_of

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "results" / "bench"
MACHINE = BENCH / "epyc_2_cores"
BACKENDS = ("tensorflow", "jax", "torch")
KINDS = ("train", "infer")
SCORES = sorted(MACHINE.glob("score_*.json"))
TEXT = (ROOT / "docs" / "benchmark_results.md").read_text()


def measured(backend: str, kind: str) -> BenchmarkFile:
    return read_benchmark(MACHINE / backend / f"{kind}.json")


def content(name: str) -> dict:
    return json.loads((MACHINE / name).read_text())


def speed_lines(kind: str) -> list[str]:
    """A line of the table for each network: samples a second, by backend."""
    cells: dict[str, dict[str, str]] = {}
    for backend in BACKENDS:
        for row in measured(backend, kind).metrics:
            own = row.configuration
            name = f"{own.paper} `{own.variant}`"
            name += f" {own.network}" if kind == "infer" else ""
            mark = "" if row.noise == "quiet" else f" ({row.noise})"
            share = row.share_of_peak
            peak = "" if share is None else f", {share:.0%}"
            text = f"{four_digits(row.samples_per_second or 0)}{peak}{mark}"
            cells.setdefault(name, {})[backend] = text
    return [
        f"| {name} | " + " | ".join(found[backend] for backend in BACKENDS) + " |"
        for name, found in cells.items()
    ]


def ceiling_lines() -> list[str]:
    """A line for each thing that the machine can do, by backend."""
    found = read_benchmark(MACHINE / "machine.json").ceilings
    order = sorted(found, key=lambda each: BACKENDS.index(each.backend))
    cells = {}
    for precision in order[0].matrix_flops_per_second:
        products = [each.matrix_flops_per_second[precision] for each in order]
        cells[f"matrix product, {precision}"] = [
            four_digits(x / 1e12) for x in products
        ]
    for precision in order[0].convolution_flops_per_second:
        products = [each.convolution_flops_per_second[precision] for each in order]
        cells[f"3x3 convolution, {precision}"] = [
            four_digits(x / 1e12) for x in products
        ]
    cells["memory"] = [f"{each.copy_bytes_per_second / 1e9:.1f}" for each in order]
    cells["compiled call"] = [f"{each.launch_seconds * 1e6:.1f}" for each in order]
    return [f"| {name} | " + " | ".join(texts) + " |" for name, texts in cells.items()]


def scale_lines() -> list[str]:
    return [
        "| " + " | ".join(scaling.cells(row).values()) + " |"
        for row in content("scale.json")["metrics"]
    ]


def layer_lines() -> list[str]:
    """Of TensorFlow: how many times as fast as its alternative a layer is."""
    lines = []
    for row in content("layers.json")["metrics"]:
        if row["backend"] == "tensorflow" and row["reason"] is None:
            ratios = [_ratio(row["passes"][which]) for which in PASSES]
            parts = (row["layer"], row["case"], f"`{row['alternative']}`", *ratios)
            lines.append("| " + " | ".join(parts) + " |")
    return lines


def _ratio(found: dict) -> str:
    low, high = found["interval_95"]
    return f"{found['speed_over_alternative']:.2f} [{low:.2f}, {high:.2f}]"


def test_every_file_was_measured_by_a_commit_on_an_idle_machine():
    files = [measured(backend, kind) for backend in BACKENDS for kind in KINDS]
    files += [read_current_score(path).measured for path in SCORES]
    files.append(read_benchmark(MACHINE / "machine.json"))
    for file in files:
        assert file.environ["machine"]["commit_is_dirty"] is False
        assert file.environ["during"]["others_percent"] < 5
    for name in ("input.json", "layers.json", "scale.json"):
        assert content(name)["environ"]["commit_is_dirty"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_the_speeds_of_the_document_are_those_of_the_files(kind):
    for line in speed_lines(kind):
        assert line in TEXT.splitlines()


@pytest.mark.parametrize("make", [ceiling_lines, scale_lines, layer_lines])
def test_the_tables_of_the_document_are_those_of_the_files(make):
    for line in make():
        assert line in TEXT.splitlines()


def test_every_paper_was_trained_on_every_backend():
    for backend in BACKENDS:
        rows = measured(backend, "train").metrics
        assert {row.state for row in rows} == {"done"}
        assert len({row.configuration.paper for row in rows}) == 20


def test_resnet50_is_no_slower_than_that_of_keras_applications():
    found = content("resnet50.json")
    low, high = found["ratio_95"]

    assert found["machine"]["commit_is_dirty"] is False
    assert (found["batch"], found["side"]) == (32, 224)
    assert low >= 1.0
    assert f"**{found['ratio']:.2f}** [{low:.2f}, {high:.2f}]" in TEXT


def test_no_pipeline_is_slower_than_training():
    rows = content("input.json")["metrics"]

    assert min(row["ratio"] for row in rows) > 1
    worst = min(rows, key=lambda row: row["ratio"])
    expected = f"The least is {worst['ratio']:.1f} ({worst['paper']})"
    assert expected in TEXT


def test_the_spread_of_the_document_is_that_of_five_calls():
    files = [read_current_score(path) for path in SCORES]
    found = spread_of([path.name for path in SCORES], files)

    assert len(files) == 5
    assert f"standard deviation of {found.deviation_percent:.1f} %" in TEXT
    assert f"range of {found.range_percent:.1f} %" in TEXT
