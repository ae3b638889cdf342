"""The picture of A's and B's curves."""

import io
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from PIL import Image
from run_files import write_run

from cai_keras.errors import UsageError
from cai_keras.reporting import overlay
from cai_keras.reporting.comparison import compare_match
from cai_keras.reporting.selection import match_runs

ACCURACY = "validation/accuracy_percent"


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture
def compared(tmp_path, make_record):
    """Function from the curves of each side's seeds to their comparisons."""

    def make(*sides, changes=({}, {}), names=("method",)):
        runs = []
        for folder, curves, change in zip("ab", sides, changes, strict=True):
            runs.append(
                [
                    write_run(
                        tmp_path / folder,
                        make_record(
                            {ACCURACY: 1.0}, seed=seed, run_name=name, **change
                        ),
                        curves=logged,
                    )
                    for name in names
                    for seed, logged in enumerate(curves)
                ]
            )
        matches = match_runs(*runs).matches
        return [compare_match(match, lambda run: {}) for match in matches]

    return make


def test_a_panel_has_the_mean_and_the_range_of_each_side(compared):
    a = [{ACCURACY: {1: 10.0, 2: 20.0}}, {ACCURACY: {1: 30.0, 2: 60.0}}]
    b = [{ACCURACY: {1: 5.0, 2: 6.0}}, {ACCURACY: {1: 7.0, 2: 6.0}}]

    (panel,), notes = overlay.panels_of(compared(a, b))
    (axis,) = overlay.draw_overlay([panel], "before", "after").axes

    first, second = axis.lines
    np.testing.assert_array_equal(first.get_xydata(), [[1, 20.0], [2, 40.0]])
    np.testing.assert_array_equal(second.get_xydata(), [[1, 6.0], [2, 6.0]])
    assert first.get_linestyle() != second.get_linestyle()
    band, _ = [c for c in axis.collections if isinstance(c, FillBetweenPolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (10.0, 60.0)
    assert (panel.title, notes) == (ACCURACY, [])


def test_a_single_run_has_no_band(compared):
    curves = [{ACCURACY: {1: 10.0, 2: 20.0}}]

    panels, _ = overlay.panels_of(compared(curves, curves))
    (axis,) = overlay.draw_overlay(panels, "before", "after").axes

    assert list(axis.collections) == []


def test_the_legend_names_both_sides(compared):
    curves = [{ACCURACY: {1: 10.0, 2: 20.0}}]

    panels, _ = overlay.panels_of(compared(curves, curves))
    figure = overlay.draw_overlay(panels, "before", "after")

    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["A: before", "B: after"]


def test_only_metrics_of_both_sides_are_drawn(compared):
    curve = {1: 10.0, 2: 20.0}
    a = [{ACCURACY: curve, "train/net/total": curve}]
    b = [{ACCURACY: curve, "validation/loss": curve}]

    panels, _ = overlay.panels_of(compared(a, b))

    assert [panel.title for panel in panels] == [ACCURACY]


def test_several_variants_have_panels_of_their_own(compared):
    curves = [{ACCURACY: {1: 10.0, 2: 20.0}}]

    panels, _ = overlay.panels_of(compared(curves, curves, names=("one", "two")))
    figure = overlay.draw_overlay(panels, "before", "after")

    assert [p.title for p in panels] == [f"one\n{ACCURACY}", f"two\n{ACCURACY}"]
    assert len(figure.axes) == 2


def test_curves_on_different_data_are_not_laid_over_each_other(compared):
    curves = [{ACCURACY: {1: 10.0, 2: 20.0}, "train/net/total": {1: 0.5, 2: 0.4}}]
    found = compared(curves, curves, changes=({}, {"data": "digits"}))

    with pytest.raises(UsageError, match="no metric of like data"):
        overlay.panels_of(found)


def test_runs_without_curves_are_refused(compared):
    with pytest.raises(UsageError, match=r"stands in metrics\.csv of both"):
        overlay.panels_of(compared([None], [None]))


def test_a_damaged_metrics_file_is_named(compared):
    found = compared([{ACCURACY: {1: 1.0, 2: 2.0}}], [{ACCURACY: {1: 1.0, 2: 2.0}}])
    found[0].match.pairs[0].a.folder.metrics_path.write_bytes(b"step\xff\xfe")

    with pytest.raises(UsageError, match=r"its metrics\.csv cannot be read"):
        overlay.panels_of(found)


def test_too_many_panels_to_read_are_refused(compared):
    curves = [{f"validation/m{k}": {1: 1.0, 2: 2.0} for k in range(8)}]
    names = [f"variant{k}" for k in range(8)]

    with pytest.raises(UsageError, match="64 panels are too many"):
        overlay.panels_of(compared(curves, curves, names=names))


@pytest.fixture
def figure(compared):
    curves = [{ACCURACY: {1: 10.0, 2: 20.0}}]
    panels, _ = overlay.panels_of(compared(curves, curves))
    return lambda: overlay.draw_overlay(panels, "before", "after")


def test_the_ending_of_the_file_is_the_format(figure, tmp_path):
    png = overlay.picture_bytes(figure(), tmp_path / "x.png")
    svg = overlay.picture_bytes(figure(), tmp_path / "x.SVG")

    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
    assert ElementTree.fromstring(svg).tag.endswith("}svg")
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        overlay.picture_bytes(figure(), tmp_path / "x.pdf")


def test_equal_runs_give_equal_svg_files(figure, tmp_path):
    first, second = (overlay.picture_bytes(figure(), tmp_path / "x.svg") for _ in "ab")

    assert first == second
