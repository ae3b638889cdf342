"""`cai report --format html` shows the benchmarks of the output folder."""

import json
import re

import pytest
from made_up_rows import benchmark, ceilings, counted, done, failed, score_set
from PIL import Image

from benchmarks.page_tables import COLUMNS, read_tables
from benchmarks.score import reference_of
from cai_keras.reporting.page import to_html


@pytest.fixture
def output(tmp_path):
    (tmp_path / "runs" / "bench").mkdir(parents=True)
    return tmp_path / "runs"


def _section(page: str) -> str:
    """The page's part about benchmarks, without places to break a line at."""
    (found,) = re.findall(r'<section id="benchmarks".*?</section>', page, re.DOTALL)
    return found.replace("<wbr>", "")


def _page(output) -> str:
    """The page without any paper: those of this project take a second each."""
    tables, problems = read_tables(output)
    assert problems == []
    return to_html([], [], [], output, benchmarks=tables)


def test_without_measurements_there_is_no_section(output):
    page = _page(output)

    assert 'id="benchmarks"' not in page
    assert "from records and claims alone" in page
    assert "and from what <code>cai bench</code> wrote" not in page


def test_a_file_is_a_card_with_its_machine_and_its_rows(output):
    file = benchmark(
        counted(120.0),
        failed("4 GiB asked", state="out_of_memory", batch_size=512),
        ceilings=[ceilings()],
    )
    file.write(output / "bench" / "here" / "train.json")

    section = _section(_page(output))

    assert "<h3>train</h3>" in section
    assert "bench/here/train.json · 2 rows" in section
    assert "<dt>cpu</dt><dd>a CPU</dd>" in section
    assert '<td class="figure-cell" data-number="120.0">120.0</td>' in section
    assert "<td>out of memory</td>" in section
    assert "<td>4 GiB asked</td>" in section


def test_files_come_in_the_order_of_their_paths(output):
    for name in ("b", "a", "c/a"):
        benchmark(done(), name=name[-1]).write(output / "bench" / f"{name}.json")

    tables, problems = read_tables(output)

    assert problems == []
    assert [table.place for table in tables] == [
        "bench/a.json", "bench/b.json", "bench/c/a.json"
    ]  # fmt: skip
    assert [table.id for table in tables] == ["bench-1", "bench-2", "bench-3"]


def test_a_row_has_a_cell_for_each_column(output):
    row = counted(100.0).model_copy(
        update={
            "spread_percent": 2.0, "step_p50_seconds": 0.1, "step_p99_seconds": 0.2,
            "first_step_seconds": 3.0, "peak_host_bytes": 512 * 2**20,
            "share_of_peak": 0.25, "bound": "compute",
        }
    )  # fmt: skip
    benchmark(row).write(output / "bench" / "train.json")

    (table,), _ = read_tables(output)

    cells = dict(zip(COLUMNS, table.rows[0], strict=True))
    assert {name: cell.text for name, cell in cells.items()} == {
        "Configuration": "resnet/cifar10_resnet20", "Kind": "train",
        "How": "tensorflow cpu fp32 no XLA", "Batch": "10", "State": "done",
        "Samples/s": "100.0", "Spread": "2.0 %", "Noise": "quiet", "p50, ms": "100.0",
        "p99, ms": "200.0", "Share of peak": "25.0 %", "Bound": "compute",
        "First step, s": "3.000", "Memory, MiB": "512.0", "MFLOPs an example": "2,000",
        "Reason": "",
    }  # fmt: skip


def test_the_pictures_beside_a_file_are_shown(output):
    benchmark(done()).write(output / "bench" / "train.json")
    Image.new("RGB", (30, 20)).save(output / "bench" / "train.speed.png")
    (output / "bench" / "train.roofline.png").write_bytes(b"no picture")

    section = _section(_page(output))

    assert section.count("<img ") == 1
    assert 'width="30" height="20" alt="speed of bench/train.json: ' in section
    assert "train.roofline.png: not a readable picture" in section


def test_a_score_is_shown_with_its_version(output):
    reference_of(score_set()).write(output / "bench" / "score.json")

    section = _section(_page(output))

    assert "<dt>score version</dt><dd>2</dd>" in section
    assert "<dt>score [95 %]</dt><dd>1.000 [1.000, 1.000]</dd>" in section
    assert "bench/score.json · 12 rows" in section


def test_json_of_another_kind_has_no_part(output):
    (output / "bench" / "compared.json").write_text('{"rows": [], "gate": null}')
    (output / "bench" / "list.json").write_text("[1, 2]")

    assert 'id="benchmarks"' not in _page(output)


@pytest.mark.parametrize("text", ["{", '{"environ": {}, "metrics": 3}'])
def test_a_damaged_file_is_named_and_the_others_are_shown(output, text):
    benchmark(done()).write(output / "bench" / "train.json")
    broken = output / "bench" / "broken.json"
    broken.write_text(text)

    tables, problems = read_tables(output)

    assert [table.title for table in tables] == ["train"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{broken}: not ")


def test_cai_report_shows_them_and_names_what_is_damaged(cai, output):
    benchmark(done()).write(output / "bench" / "train.json")
    (output / "bench" / "broken.json").write_text("{")

    result = cai("report", "--format", "html", "--output", output)

    assert result.code == 1
    problem, error = result.errors.splitlines()
    assert problem.startswith(f"left out: {output / 'bench' / 'broken.json'}: not ")
    assert error == "cai: error: 1 damaged file left out; the others are in the table"
    assert "<h3>train</h3>" in _section(result.output)
    assert "1 damaged file left out." in result.output


def test_other_forms_do_not_read_measurements(cai, output):
    (output / "bench" / "broken.json").write_text("{")

    result = cai("report", "--format", "csv", "--output", output)

    assert (result.code, result.errors) == (0, "")


def test_a_written_report_has_the_section(cai, output):
    benchmark(done()).write(output / "bench" / "train.json")

    cai("report", "--write", "--output", output)

    assert "<h3>train</h3>" in _section((output / "report.html").read_text())


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><b>', "{{ x }}", "中&"]
)
def test_nothing_in_a_file_becomes_markup(output, text):
    file = benchmark(
        done(variant=text), failed(text, device=text), name="train",
        environ={text: text}, ceilings=[ceilings(device_name=text)],
    )  # fmt: skip
    file.model_copy(update={"name": text}).write(output / "bench" / "train.json")

    section = _section(_page(output))

    shown = (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        .replace('"', "&#34;")
    )  # fmt: skip
    assert section.count(shown) >= 5
    assert "<script" not in section
    assert "<b>" not in section


def test_of_very_many_rows_the_first_are_shown(output):
    rows = [done(batch_size=number) for number in range(1, 251)]
    benchmark(*rows).write(output / "bench" / "train.json")

    (table,), _ = read_tables(output)

    assert (len(table.rows), table.total) == (200, 250)


def test_a_file_of_a_machine_has_a_row_for_each_thing_it_can_do(output):
    benchmark(name="machine", ceilings=[ceilings()]).write(
        output / "bench" / "machine.json"
    )

    section = _section(_page(output))

    # Two products, a convolution, memory and a call.
    assert "bench/machine.json · 5 rows" in section
    for text in ("cpu: a CPU", "matrix product, float32", "0.1 TFLOP/s", "10 GB/s"):
        assert f"<td>{text}</td>" in section


def _of_parts(name, *rows):
    return {"name": name, "environ": {"cpu": "a CPU"}, "metrics": rows}


_PIPELINE = {
    "paper": "gan",
    "variant": "ring",
    "phase": 1,
    "phases": 1,
    "data": "embedded:digits",
    "samples_per_second": {"pipeline": [30.0], "training": [10.0], "together": [9.0]},
    "ratio": 3.0,
    "interval_95": [2.0, 4.0],
    "wait_share": 0.25,
    "verdict": "the pipeline is fast enough",
    "reason": None,
}
_SCALING = {
    "mode": "weak",
    "replicas": 2,
    "workers": 1,
    "devices": "logical",
    "batch_size": 64,
    "step_seconds": [0.5],
    "samples_per_second": 128.0,
    "efficiency": 0.5,
    "efficiency_95": [0.4, 0.6],
    "communication_share": None,
    "reason": None,
}
_LAYER = {
    "layer": "mask_gate",
    "case": "",
    "backend": "torch",
    "alternative": None,
    "reason": "torch is not installed",
    "passes": None,
    "addons": None,
}


@pytest.mark.parametrize(
    ("name", "row", "shown"),
    [
        ("input", _PIPELINE, ["gan", "embedded:digits", "3.00 [2.00, 4.00]", "25 %"]),
        ("scale", _SCALING, ["weak", "2 logical CPUs", "64", "0.50 [0.40, 0.60]"]),
        ("layers", _LAYER, ["mask_gate", "torch", "torch is not installed"]),
    ],
)
def test_benchmarks_of_parts_have_the_columns_of_their_commands(
    output, name, row, shown
):
    path = output / "bench" / f"{name}.json"
    path.write_text(json.dumps(_of_parts(name, row)))

    section = _section(_page(output))

    assert f"<h3>{name}</h3>" in section
    assert "<dt>cpu</dt><dd>a CPU</dd>" in section
    for text in shown:
        assert f">{text}</td>" in section


def test_a_damaged_benchmark_of_parts_is_named(output):
    path = output / "bench" / "input.json"
    path.write_text(json.dumps(_of_parts("input", {"paper": "gan"})))

    tables, problems = read_tables(output)

    assert tables == []
    assert problems == [
        f"{path}: not what `cai bench input` writes (KeyError: 'variant')"
    ]


@pytest.mark.parametrize(("key", "value"), [("metrics", 3), ("name", ["input"])])
def test_a_benchmark_of_parts_with_another_type_is_named(output, key, value):
    path = output / "bench" / "input.json"
    path.write_text(json.dumps({**_of_parts("input", _PIPELINE), key: value}))

    tables, (problem,) = read_tables(output)

    assert tables == []
    assert problem.startswith(f"{path}: not ")
