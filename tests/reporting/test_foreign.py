"""Other people's results: what is taken, what is refused, and in which words."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cai_keras.errors import UsageError
from cai_keras.reporting.claims import EffectClaim, PaperClaims, ValueClaim
from cai_keras.reporting.foreign import (
    ForeignResult,
    foreign_files,
    import_foreign,
    read_foreign,
)

METRIC = "test/accuracy_percent"
VALUE = ValueClaim(
    kind="value", id="number", variant="method", metric=METRIC, better="higher",
    value=90.0, tolerance=1.0, source="Table 1, row 2",
)  # fmt: skip
EFFECT = EffectClaim(
    kind="effect", id="effect", variant="method", baseline="plain", metric=METRIC,
    better="higher", margin=5.0, published=7.5, source="Table 1",
)  # fmt: skip
PAPER = PaperClaims(
    slug="some_paper",
    claims=(VALUE, EFFECT),
    paper_steps={"method": 200, "plain": 200},
    seeds={"method": (0, 1), "plain": (0, 1)},
)


@pytest.fixture
def write(tmp_path):
    """Function from text or bytes to the path of a file that holds it."""

    def make(content, name="others.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def _error(path) -> str:
    with pytest.raises(UsageError) as caught:
        read_foreign(path, [PAPER])
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}:")


def test_a_line_with_everything(write):
    path = write(
        "paper,claim,value,deviation,n,source,hardware,note\n"
        'some_paper,number,93.4,0.25,5,"Somebody 2020, Table 3",8 x A100,own code\n'
    )

    assert read_foreign(path, [PAPER]) == [
        ForeignResult(
            paper="some_paper", claim="number", variant="method", metric=METRIC,
            value=93.4, deviation=0.25, count=5, source="Somebody 2020, Table 3",
            hardware="8 x A100", note="own code",
        )
    ]  # fmt: skip


def test_what_is_not_known_may_be_left_out_or_empty(write):
    path = write("paper,claim,value,n,source\n\nsome_paper,effect,-3,,Somebody\n,,,,\n")

    (result,) = read_foreign(path, [PAPER])

    assert (result.value, result.deviation, result.count) == (-3.0, None, None)
    assert (result.hardware, result.note) == ("", "")


def test_variant_and_metric_find_their_claim(write):
    path = write(
        "paper,variant,metric,value,source\n"
        f"some_paper,method,{METRIC},93.4,Somebody\n"
        f"some_paper,plain,{METRIC},80,Somebody\n"
    )

    first, second = read_foreign(path, [PAPER])

    assert (first.claim, first.variant) == ("number", "method")
    assert (second.claim, second.variant, second.metric) == (None, "plain", METRIC)


def test_a_file_from_a_spreadsheet_is_read(write):
    # A byte order mark, carriage returns, blanks around the cells.
    text = "\ufeffpaper, claim ,value,source\r\nsome_paper,number, 93.4 ,Somebody\r\n"

    (result,) = read_foreign(write(text), [PAPER])

    assert result.value == 93.4


HEADER = "paper,claim,variant,metric,value,deviation,n,source\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sum_paper,number,,,1,,,x", "2: paper: unknown 'sum_paper'; did you mean"),
        ("some_paper,numbr,,,1,,,x", "2: claim: unknown 'numbr'; did you mean"),
        (f"some_paper,,methd,{METRIC},1,,,x", "2: variant: unknown 'methd'; did you"),
        ("some_paper,,method,test/acuracy_percent,1,,,x", "2: metric: unknown"),
        ("some_paper,,,,1,,,x", "2: give claim, or variant and metric"),
        ("some_paper,,method,,1,,,x", "2: give claim, or variant and metric"),
        ("some_paper,number,method,,1,,,x", "2: give claim, or variant and metric;"),
        ("some_paper,number,,,,,,x", "2: value: empty"),
        ("some_paper,number,,,93.4 %,,,x", "2: value: expected a number such as 93.4"),
        ("some_paper,number,,,nan,,,x", "2: value: expected a number"),
        ("some_paper,number,,,1e200,,,x", "2: value: expected a number"),
        ("some_paper,number,,,1_000,,,x", "2: value: expected a number"),
        ("some_paper,number,,,1,-0.5,,x", "2: deviation: negative, -0.5"),
        ("some_paper,number,,,1,x,,x", "2: deviation: expected a number"),
        ("some_paper,number,,,1,,0,x", "2: n: expected a number of runs such as 5"),
        ("some_paper,number,,,1,,2.5,x", "2: n: expected a number of runs"),
        ("some_paper,number,,,1,,,", "2: source: empty"),
        ("some_paper,number,,,1,,,a\x1b[2J", "2: source: line breaks or control"),
        ('some_paper,number,,,1,,,"a\nb"', "2: source: line breaks or control"),
        ("some_paper,number,,,1,,," + "a" * 201, "2: source: more than 200 characters"),
        ("some_paper,number,,,1,,,a,b", "2: 9 cells, the header has 8; quote texts"),
        ("some_paper,number", "2: 2 cells, the header has 8"),
        ('some_paper,number,,,1,,,"a', "2: not CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_with_the_column(write, line, expected):
    assert expected in _error(write(f"{HEADER}{line}\n"))


def test_the_line_is_counted_past_blank_lines_and_line_breaks_in_texts(write):
    good = "some_paper,number,,,1,,,x"
    path = write(f"{HEADER}{good}\n\nsome_paper,number,,,no,,,y\n")

    assert _error(path).startswith("4: value")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("paper,claim,valeu,source", "1: unknown column 'valeu'; did you mean"),
        ("paper,claim,source", "1: the column 'value' is missing"),
        ("claim,value,source", "1: the column 'paper' is missing"),
        ("paper,claim,value", "1: the column 'source' is missing"),
        ("paper,claim,value,value,source", "1: the column 'value' stands twice"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_named(write, header, expected):
    assert expected in _error(write(header + "\n"))


def test_the_same_result_twice_is_refused(write):
    line = "some_paper,number,,,{},,,Somebody\n"
    path = write(HEADER + line.format(93) + line.format(94))

    assert _error(path) == "3: the same result as in line 2; give one"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty; expected a header: paper, claim, variant, metric, value"),
        (HEADER.encode(), "no results below the header"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
    ],
)
def test_a_file_without_results_is_refused(write, content, expected):
    assert expected in _error(write(content))


def test_a_missing_file_is_named(tmp_path):
    assert "cannot be read (No such file" in _error(tmp_path / "none.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=60) | st.text('paper,vlus"\n1.', max_size=60))
def test_no_content_gives_anything_but_results_or_one_line(write, content):
    prefix = HEADER.encode() if isinstance(content, str) else b""
    content = content.encode() if isinstance(content, str) else content
    path = write(prefix + content)

    message = f"{path}: results"
    try:
        assert read_foreign(path, [PAPER])
    except UsageError as error:
        message = str(error)

    assert message.startswith(f"{path}:")
    assert "\n" not in message


_TEXT = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x2FF, categories=["L", "N", "P", "S"]
    ),
    min_size=1,
    max_size=20,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(
        st.tuples(st.floats(-1e100, 1e100), st.integers(1, 99), _TEXT, _TEXT),
        min_size=1,
        max_size=4,
        unique_by=lambda line: line[2],
    )
)
def test_what_a_csv_writer_writes_is_what_is_read(write, lines):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["paper", "claim", "value", "n", "source", "note"])
    for value, count, source, note in lines:
        writer.writerow(["some_paper", "number", repr(value), count, source, note])

    results = read_foreign(write(text.getvalue()), [PAPER])

    assert [(r.value, r.count, r.source, r.note) for r in results] == lines


class TestImport:
    GOOD = HEADER + "some_paper,number,,,93.4,,,Somebody\n"

    def test_the_file_is_kept_as_it_is(self, write, tmp_path):
        path = write(self.GOOD)

        target, results = import_foreign(path, tmp_path / "runs", [PAPER])

        assert target == tmp_path / "runs" / "foreign" / "others.csv"
        assert target.read_text() == self.GOOD
        assert [result.value for result in results] == [93.4]
        assert foreign_files(tmp_path / "runs") == [target]

    def test_the_same_file_may_be_imported_again(self, write, tmp_path):
        path = write(self.GOOD)
        import_foreign(path, tmp_path, [PAPER])

        target, _ = import_foreign(path, tmp_path, [PAPER])

        assert foreign_files(tmp_path) == [target]

    def test_another_file_of_the_name_is_refused_and_the_old_one_kept(
        self, write, tmp_path
    ):
        import_foreign(write(self.GOOD), tmp_path, [PAPER])
        other = write(self.GOOD.replace("93.4", "94.0"))

        with pytest.raises(UsageError, match="another file of this name") as caught:
            import_foreign(other, tmp_path, [PAPER])

        assert "--overwrite" in str(caught.value)
        assert "93.4" in foreign_files(tmp_path)[0].read_text()

    def test_overwrite_replaces_it(self, write, tmp_path):
        import_foreign(write(self.GOOD), tmp_path, [PAPER])
        other = write(self.GOOD.replace("93.4", "94.0"))

        import_foreign(other, tmp_path, [PAPER], overwrite=True)

        assert "94.0" in foreign_files(tmp_path)[0].read_text()

    def test_a_wrong_file_is_not_kept(self, write, tmp_path):
        with pytest.raises(UsageError):
            import_foreign(write("x"), tmp_path, [PAPER])

        assert not (tmp_path / "foreign").exists()

    def test_a_folder_that_cannot_be_written_is_named(self, write, tmp_path):
        path = write(self.GOOD)

        with pytest.raises(UsageError, match="cannot be written"):
            import_foreign(path, path, [PAPER])  # below a file
