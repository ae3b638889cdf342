"""Figures over runs and of one run: what they show, and what they refuse."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine
from reproductions.feature_visualization_mirroring import figures, theory

VARIANTS = ("noise_k1", "noise_circ", "noise_ape", "noise_mean", "luminance_u")


class Silent:
    """A reporter that shows nothing."""

    def start(self, title, total, done, batch_size):
        pass

    def advance(self, done, losses):
        pass

    def message(self, text):
        pass

    def stop(self):
        pass


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Variant -> its finished smoke run."""
    paper = find_paper("feature_visualization_mirroring")
    output = tmp_path_factory.mktemp("runs")
    found = {}
    for variant in VARIANTS:
        recipe = paper.recipe("smoke", variant)
        folder = RunFolder.of(output, paper.slug, "smoke", variant, 0)
        request = engine.RunRequest(recipe, 0, folder, ("cifar10",))
        record = engine.run(request, builder_of(paper), Silent())
        found[variant] = FinishedRun(folder, record)
    yield found
    keras.backend.clear_session()


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def chosen(runs, prefix):
    return [run for variant, run in runs.items() if variant.startswith(prefix)]


def labels_of(figure):
    return [line.get_label() for axis in figure.axes for line in axis.get_lines()]


def test_noise_is_recorded_as_no_data_set_of_the_papers(runs):
    dataset = runs["noise_ape"].record.dataset

    assert (dataset.name, dataset.stand_in) == ("white_noise", True)


def test_the_grid_has_a_row_for_input_target_and_each_trained_variant(runs):
    figure = figures.draw_grid(chosen(runs, "noise"))

    labels = [axis.get_ylabel().split("\n")[0] for axis in figure.axes]
    assert [t for t in labels if t] == ["input", "target", "k1", "circ", "ape"]
    shown = [np.asarray(axis.get_images()[0].get_array()) for axis in figure.axes[:8]]
    np.testing.assert_array_equal(shown[4], shown[0][:, ::-1])


def test_columns_are_drawn_beside_their_floors(runs):
    figure = figures.draw_columns(chosen(runs, "noise"))

    lines = {line.get_label(): line for a in figure.axes for line in a.get_lines()}
    assert {"k1", "circ", "ape"} <= set(lines)
    dashed = [
        line.get_ydata() for a in figure.axes for line in a.get_lines()
        if line.get_linestyle() == "--"
    ]  # fmt: skip
    expected = [theory.column_floors(16, 1), np.full(16, 0.875)]
    assert len(dashed) == len(expected)
    for values, floors in zip(dashed, expected, strict=True):
        np.testing.assert_allclose(values, floors)


def test_a_columns_error_is_the_mean_of_the_runs_test_error(runs):
    run = runs["noise_k1"]
    figure = figures.draw_columns([run])

    (line,) = [x for x in figure.axes[0].get_lines() if x.get_label() == "k1"]
    measured = run.record.metrics["test/mse"].value
    assert np.mean(line.get_ydata()) == pytest.approx(measured, rel=1e-5)


def test_errors_are_drawn_at_their_radius(runs):
    figure = figures.draw_floors(chosen(runs, "noise"))

    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    found = lines["zero padding, coordinates"]
    assert found.get_xdata().tolist() == [1]
    measured = runs["noise_k1"].record.metrics["test/mse"].value
    assert found.get_ydata().tolist() == [measured]
    np.testing.assert_allclose(
        lines["floor with positions"].get_ydata()[[0, 1, 8, 15]], [1, 0.875, 0.5, 0]
    )


def test_learning_curves_have_every_trained_variant(runs):
    found = labels_of(figures.draw_steps(chosen(runs, "noise")))

    assert set(found) == {"k1", "circ", "ape"}


@pytest.mark.parametrize("name", ["columns", "floors", "steps"])
def test_figures_of_noise_are_not_drawn_from_images(runs, name):
    with pytest.raises(NothingToDraw, match="noise"):
        figures.FIGURES[name](chosen(runs, "luminance"))


def test_without_a_trained_network_there_is_no_grid(runs):
    with pytest.raises(NothingToDraw, match="no run has mirrored images"):
        figures.draw_grid([runs["noise_mean"]])


def test_a_network_that_was_deleted_is_named(runs, tmp_path):
    run = runs["noise_circ"]
    path = run.folder.checkpoints / "network.keras"
    path.rename(tmp_path / "network.keras")
    try:
        with pytest.raises(
            NothingToDraw, match=r"network\.keras: .* not there any more"
        ):
            figures.draw_columns([run])
    finally:
        (tmp_path / "network.keras").rename(path)


def test_the_floor_correlation_is_that_of_the_means_of_each_radius():
    # Means .9, .75 and .5 against floors .875, .75 and .5.
    points = [(1, 0.8), (1, 1.0), (4, 0.75), (8, 0.5)]

    found = figures.floor_correlation(points, 16)

    expected = np.corrcoef([0.9, 0.75, 0.5], [0.875, 0.75, 0.5])[0, 1]
    assert found == pytest.approx(expected)
    assert figures.floor_correlation(points[:3], 16) is None
