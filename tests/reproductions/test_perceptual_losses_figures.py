"""Perceptual losses' figures over runs: what they show, and when there is nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from cai_keras.data.picture_files import picture_bytes
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import write_progress
from cai_keras.reporting.record import Metric
from cai_keras.reporting.run_folder import RunFolder
from reproductions.perceptual_losses import figures


@pytest.fixture
def make_run(make_record, tmp_path):
    """Function from variant, seed, metrics and series to a finished run."""

    def make(variant, metrics=None, seed=0, **series):
        passport = {"timed_on": "an abacus"}
        found = {
            f"test/{name}": Metric.of(value, 1, passport)
            for name, value in (metrics or {}).items()
        }
        record = make_record(variant=variant, seed=seed, series=series)
        return SimpleNamespace(
            record=record.model_copy(update={"metrics": found}),
            folder=RunFolder(tmp_path / variant / f"seed{seed}"),
        )

    return make


def seconds(forward, evaluation):
    """Metrics of a pass and of 100 and 300 iterations at 256 pixels."""
    return {
        "log10_seconds_forward_256": np.log10(forward),
        "log10_seconds_100_iterations_256": np.log10(100 * evaluation),
        "log10_seconds_300_iterations_256": np.log10(300 * evaluation),
    }


def test_the_table_has_seconds_ratios_over_seeds_and_the_published_ones(make_run):
    runs = [
        make_run("style_instance", seconds(0.01, 0.02)),  # 200 and 600 times
        make_run("style_instance", seconds(0.01, 0.04), seed=1),  # 400 and 1,200
        make_run("style_instance_half", seconds(1.0, 1.0)),
    ]

    (axis,) = figures.draw_speed_table(runs).axes

    (table,) = axis.tables
    cells = {
        place: cell.get_text().get_text() for place, cell in table.get_celld().items()
    }
    # Deviations over two seeds: 200 / sqrt(2) and 600 / sqrt(2).
    assert [[cells[row, column] for column in range(6)] for row in range(3)] == [
        ["pixels", "iterations", "L-BFGS", "one pass", "times as fast", "Table 1"],
        ["256 x 256", "100", "3 s", "0.01 s", "300 ± 141", "212"],
        ["256 x 256", "300", "9 s", "0.01 s", "900 ± 424", "636"],
    ]
    assert "an abacus, means over 2 seeds" in axis.get_title()


def test_the_chart_has_a_line_for_each_number_of_iterations(make_run):
    (axis,) = figures.draw_speed([make_run("style_instance", seconds(0.1, 0.1))]).axes

    lines = [line for line in axis.lines if line.get_linestyle() == "-"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in lines], [100, 300])
    assert [text.get_text() for text in axis.get_yticklabels()] == ["100", "200"]


@pytest.mark.parametrize("name", ["speed", "speed_table", "crops"])
def test_runs_without_what_a_figure_shows_are_named(name, make_run):
    with pytest.raises(NothingToDraw):
        figures.FIGURES[name]([make_run("style_batch", {"log10_objective": 0.0})])


def scores(value):
    return {
        "psnr_y": [value, value + 1], "psnr_y_bicubic": [20.0, 21.0],
        "ssim_y": [0.5, 0.6], "ssim_y_bicubic": [0.3, 0.4],
    }  # fmt: skip


def keep_strips(run, level):
    """Two test pictures: original 0.2, bicubic 0.4, ours; newest at step 9."""
    for number in range(2):
        sides = [np.full((4, 4, 3), value) for value in (0.2, 0.4, level)]
        png = picture_bytes(np.concatenate(sides, axis=1), ".png")
        write_progress(run.folder, f"enlarged_{number}", 9, png)
        older = picture_bytes(np.zeros((4, 12, 3)), ".png")
        write_progress(run.folder, f"enlarged_{number}", 5, older)


def test_crops_stand_side_by_side_with_the_scores_of_their_pictures(make_run):
    pixel = make_run("sr4_pixel", **scores(25.0))
    feature = make_run("sr4_feature", **scores(24.0))
    keep_strips(pixel, 0.6)
    keep_strips(feature, 0.8)

    axes = figures.draw_crops([pixel, feature, make_run("style_batch")]).axes

    assert len(axes) == 2 * 4
    assert [axis.get_title() for axis in axes[:4]] == [
        "original", "bicubic", "pixel loss", "feature loss",
    ]  # fmt: skip
    shown = [axis.images[0].get_array()[0, 0, 0] for axis in axes[:4]]
    assert shown == [51, 102, 153, 204]  # 255 times 0.2, 0.4, 0.6, 0.8
    assert [axis.get_xlabel() for axis in axes[4:8]] == [
        "", "21.00 dB, SSIM 0.400", "26.00 dB, SSIM 0.600", "25.00 dB, SSIM 0.600",
    ]  # fmt: skip
