"""The web page as text: what it says, what it escapes, what it never asks for."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_example import METRIC, Example, effect_claim, value_claim, write_paper

from cai_keras.reporting.formats import FORMATS, Contents
from cai_keras.reporting.page import to_html
from cai_keras.reporting.record import Metric
from cai_keras.reporting.table import COLUMNS, Row

CURVE = "".join(
    f"{step},train/net/total,{1 / step}\n{step},validation/loss,{2 / step}\n"
    for step in (1, 2, 3)
)


class _Page(HTMLParser):
    """Elements with their attributes, and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.contents = {"style": [], "script": []}
        self._words: list[str] = []
        self._inside = ""
        self.feed(text)
        self.text = re.sub(r"\s+", " ", "".join(self._words))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside in self.contents:
            self.contents[self._inside].append(data)
        else:
            self._words.append(data)

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.elements if name in attrs]

    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        """What the page is made of, whatever its texts; `wbr` only breaks lines."""
        return [(tag, tuple(attrs)) for tag, attrs in self.elements if tag != "wbr"]


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "runs", [write_paper(tmp_path)])


@pytest.fixture
def run(make_record):
    """Function from a variant, a seed and a value to a record of `some_paper`."""

    def make(value=70.0, variant="method", seed=0, **changes):
        fields = {"variant": variant, "run_name": variant, "seed": seed, **changes}
        return make_record({METRIC: value}, **fields)

    return make


def test_the_page_shows_title_claim_measurement_and_deviation(example, run):
    example.add(run(70.5), CURVE)

    text = _Page(example.page()).text

    for words in (
        "The title of some_paper", "A. Author · CVPR 2015", "1,234,567 parameters",
        "method: 90 ± 1", "method better than plain by more than 5; published +7.5",
        "Table 1, row 2", "70.50", "train.steps", "64k", "32k", "shorter",
        "1 record: 1 done", "validation/loss",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("place", ["title", "metric", "reason", "override", "why"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.text("<>&\"'/{}%#`=;:-_ abcABC\\é\u2028", min_size=1, max_size=40))
def test_no_text_of_a_paper_or_a_record_becomes_markup(
    tmp_path_factory, make_record, place, words
):
    # A word in front: some places drop blank text, which is another page.
    nasty = _page_with(tmp_path_factory, make_record, place, f"x{words}")
    harmless = _page_with(tmp_path_factory, make_record, place, "xabc")

    assert nasty.skeleton() == harmless.skeleton()
    assert nasty.contents == harmless.contents


def test_a_script_in_a_title_or_in_a_metric_is_shown_as_its_letters(
    tmp_path_factory, make_record
):
    script = """<script>alert("1")</script>'"""

    title = _page_with(tmp_path_factory, make_record, "title", script)
    metric = _page_with(tmp_path_factory, make_record, "metric", script)

    assert script in title.text
    assert f"test/{script}" in metric.text
    assert "alert" not in "".join(title.contents["script"])


def _page_with(tmp_path_factory, make_record, place: str, words: str) -> _Page:
    folder = tmp_path_factory.mktemp("escape")
    info = {
        "title": words if place == "title" else "A title", "authors": "A. Author",
        "year": 2015, "venue": "CVPR", "arxiv": None, "datasets": ["cifar10"],
    }  # fmt: skip
    why = words if place == "why" else "shorter"
    metric = f"test/{words}" if place == "metric" else METRIC
    deviation = {"field": "train.steps", "paper": 1, "ours": 2, "why": why}
    paper = write_paper(
        folder, paper=info, deviations=[deviation], claims=[value_claim(metric=metric)]
    )
    example = Example(folder / "runs", [paper])
    record = make_record(
        {metric: 70.0},
        state="failed" if place == "reason" else "done",
        reason=words if place == "reason" else None,
        overrides=[f"model.{words}"] if place == "override" else [],
    )
    example.add(record, CURVE)
    return _Page(example.page())


def test_the_same_runs_in_any_order_give_the_same_page(example, run):
    for seed in (0, 1, 2):
        for variant in ("method", "plain"):
            example.add(run(70.0 + seed, variant, seed), CURVE)
    runs, rows = example.runs(), example.rows()

    first = to_html(rows, example.papers, runs, example.output)
    again = to_html(rows, example.papers, runs[::-1], example.output)

    assert first == again == example.page()


def test_the_page_names_no_resource_outside_of_itself(example, run):
    example.add(run(), CURVE)
    page = _Page(example.page())

    links = page.attributes("href")
    assert all(
        link.startswith(("#", "data:", "https://arxiv.org/abs/")) for link in links
    )
    assert all(source.startswith("data:") for source in page.attributes("src"))
    assert not set(page.attributes("srcset") + page.attributes("action"))
    (style,) = page.contents["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_style_and_script_are_allowed(example):
    page = _Page(example.page())
    (policy,) = [a["content"] for t, a in page.elements if a.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind in ("style", "script"):
        (text,) = page.contents[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert page.attributes("style") == []  # the policy would refuse it
    assert not [name for _, a in page.elements for name in a if name.startswith("on")]


def test_no_path_of_this_machine_is_in_the_page(example, run, tmp_path):
    folder = example.add(run(), CURVE)
    (folder.figures / "broken.png").parent.mkdir()
    (folder.figures / "broken.png").write_bytes(b"no picture")

    assert str(tmp_path) not in example.page()


def test_every_column_of_the_table_is_on_the_page(example):
    texts = {
        field.name: f"text-of-{field.name}"
        for field in dataclasses.fields(Row)
        if field.name in COLUMNS
    }
    row = dataclasses.replace(example.rows()[0], **texts)

    page = _Page(to_html([row, *example.rows()], example.papers, [], example.output))

    for text in texts.values():
        assert text in page.text


def test_stand_in_data_is_marked_in_table_card_and_records(example, run):
    example.add(run(), CURVE)
    marked = _Page(example.page()).text.count("stand-in data")
    example.add(run(stand_in=False, data="cifar10", seed=1, run_name="method@cifar10"))

    # Table, outcome of the claim, heading of the runs, record; and the explanation.
    assert marked == 5
    assert _Page(example.page()).text.count("stand-in data") == 5


def test_runs_that_only_check_the_wiring_are_counted_and_not_shown(example, run):
    example.add(run(12.34, scale="smoke"), CURVE)

    text = _Page(example.page()).text

    assert "1 smoke run left out" in text
    assert "12.34" not in text
    assert "validation/loss" not in text


def test_records_of_a_paper_that_is_not_installed_are_mentioned(example, run):
    example.add(run(paper="other_paper"))

    assert "1 record of other_paper: no such paper" in _Page(example.page()).text


def test_what_could_not_be_read_is_said_on_top(example):
    missing = "1 damaged file left out."

    page = to_html(example.rows(), example.papers, [], example.output, missing)

    assert missing in _Page(page).text


def test_a_paper_without_a_run_says_how_to_start_one(example):
    text = _Page(example.page()).text

    assert "cai train some_paper --scale small" in text
    assert "not run 2" in text


def test_several_papers_are_counted_at_a_glance(tmp_path, run):
    papers = [
        write_paper(tmp_path, "first", claims=[value_claim(), effect_claim()]),
        write_paper(tmp_path, "second", claims=[value_claim()]),
    ]
    example = Example(tmp_path / "runs", papers)
    example.add(run(paper="first"))

    page = _Page(example.page())

    # One claim of the first has a run, at a small scale; two claims have none.
    assert "reduced protocol 1 not run 2" in page.text
    assert "#paper-first" in page.attributes("href")
    assert page.attributes("data-pick-paper") == ["first", "first", "second"]


def test_a_metric_that_is_null_says_why(example, run):
    nothing = Metric(value=None, reason="this method ranks")
    example.add(run(metrics={METRIC: nothing}))

    text = _Page(example.page()).text

    assert "none [1]" in text
    assert "none: this method ranks" in text


def test_a_lone_surrogate_does_not_keep_the_page_from_being_written(example):
    row = dataclasses.replace(example.rows()[0], note="half a letter: \ud800")

    page = to_html([row], example.papers, [], example.output)

    assert "half a letter: ?" in page
    page.encode("utf-8")


def test_the_report_of_form_html_is_this_page(example, run):
    example.add(run(), CURVE)
    contents = Contents(example.rows(), example.papers, example.runs(), example.output)

    assert FORMATS["html"](contents) == example.page()
