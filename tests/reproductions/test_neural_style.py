"""Neural style: which pictures a variant makes, and how they are judged."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.cli.papers import builder_of, find_paper
from cai_keras.data.loaded import LoadedData
from cai_keras.data.style_pictures import StylePictures
from cai_keras.errors import UsageError
from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.training.preparation import set_up_process
from reproductions.neural_style import evaluate, figures, run_figures
from reproductions.neural_style.jobs import jobs_of
from reproductions.neural_style.stages import stages_of


def recipe(variant, *sets):
    return find_paper("neural_style").recipe("smoke", variant, sets=sets)


def built(variant, *sets):
    made = recipe(variant, *sets)
    set_up_process(made, 0)
    return builder_of(find_paper("neural_style"))(made, 0)


def pixels(phase):
    return np.asarray(phase.learner.pixels)[0]


def test_one_picture_has_the_recipes_objective():
    (job,) = jobs_of(recipe("lbfgs").model)
    assert (job.name, job.start, job.style_number) == ("picture", "noise", 0)
    assert job.settings.content.layers == ("conv4_2",)
    assert job.settings.style.layers[0] == "conv1_1"
    assert len(job.settings.style.layers) == 5


def test_starts_are_three_of_one_pair_and_one_of_another_style():
    jobs = jobs_of(recipe("starts").model)
    assert [job.start for job in jobs] == ["noise", "content", "style", "noise"]
    assert [job.style_number for job in jobs] == [0, 0, 0, 1]
    assert len({job.settings for job in jobs}) == 1


def test_ratios_differ_in_the_contents_weight_alone_least_first():
    jobs = jobs_of(recipe("ratios", "model.ratios=[10.0, 0.1]").model)
    assert [job.settings.content.weight for job in jobs] == [0.1, 10.0]
    assert len({job.settings.style for job in jobs}) == 1


def test_reconstructions_are_of_one_content_layer_and_of_more_and_more_style_layers():
    jobs = jobs_of(recipe("reconstructions").model)
    contents, styles = jobs[:5], jobs[5:]
    assert [job.settings.content.layers for job in contents] == [
        ("conv1_1",), ("conv2_1",), ("conv3_1",), ("conv4_1",), ("conv5_1",)
    ]  # fmt: skip
    assert {job.settings.style.weight for job in contents} == {0.0}
    assert [len(job.settings.style.layers) for job in styles] == [1, 2, 3, 4, 5]
    assert {job.settings.content.weight for job in styles} == {0.0}
    assert {job.start for job in jobs} == {"noise"}


def test_steps_are_shared_by_the_pictures():
    experiment = built("ratios")
    assert [phase.steps for phase in experiment.phases] == [4, 4, 4, 4]
    assert list(experiment.networks()) == ["ratio_0", "ratio_1", "ratio_2", "ratio_3"]


def test_a_phase_begins_where_its_job_says():
    experiment = built("starts")
    for phase in experiment.phases:
        phase.start()
    noise, content, style, other = (pixels(phase) for phase in experiment.phases)
    np.testing.assert_array_equal(noise, other)
    expected = np.random.default_rng(0).random((32, 32, 3), np.float32)
    np.testing.assert_array_equal(noise, expected)
    assert content.shape == (32, 32, 3)
    # The first photograph and the first style: an astronaut, a wall of bricks.
    assert np.abs(content - style).mean() > 0.1


def test_the_feature_network_is_no_part_of_what_is_saved():
    (phase,) = built("adam").phases
    phase.learner.build_optimizers()
    sizes = [
        int(np.prod(variable.shape)) for variable in phase.learner.state().values()
    ]
    assert max(sizes) == 32 * 32 * 3
    assert sum(size == max(sizes) for size in sizes) == 3  # pixels, two moments


def test_more_than_one_picture_in_a_batch_is_refused():
    with pytest.raises(UsageError, match=r"data\.batch_size: expected 1"):
        built("lbfgs", "data.batch_size=2")


def three_styles():
    wide = np.zeros((4, 8, 3), np.float32)
    wide[:, 2:6] = 1.0
    styles = {
        name: np.full((4, 4, 3), n / 2, np.float32) for n, name in enumerate("abc")
    }
    return StylePictures({"wide": wide}, styles, LoadedData("own", "1", {}))


def test_a_seed_stands_for_a_photograph_and_styles_in_turn_as_middle_squares():
    scene = evaluate.Scene.of(three_styles(), 2, 4)
    np.testing.assert_array_equal(scene.content, np.ones((4, 4, 3)))
    # The third pair's style is c, and a comes after c.
    assert list(scene.styles) == ["c", "a", "b"]
    assert [scene.style(n)[0, 0, 0] for n in range(3)] == [1.0, 0.0, 0.5]
    assert scene.at(2).content.shape == scene.at(2).style(1).shape == (2, 2, 3)


def test_more_styles_than_there_are_are_refused():
    scene = evaluate.Scene.of(three_styles(), 0, 4)
    with pytest.raises(UsageError, match=r"expected at least 4 styles .* found 3"):
        scene.style(3)
    with pytest.raises(UsageError, match="expected at least 6 styles"):
        built("styles", "model.styles=6", "train.steps=40")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [(512, 700)]),
        (2, [(256, 467), (512, 233)]),
        (3, [(128, 400), (256, 200), (512, 100)]),
    ],
)
def test_each_stage_has_twice_the_side_and_half_the_steps(count, expected):
    assert stages_of(512, 700, count) == expected


@given(st.integers(1, 5), st.integers(1, 40), st.integers(31, 10_000))
def test_stages_end_at_the_side_and_use_all_steps(count, small, steps):
    stages = stages_of(small * 2 ** (count - 1), steps, count)
    assert sum(n for _, n in stages) == steps
    assert [side for side, _ in stages] == [small * 2**n for n in range(count)]


def test_stages_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="expected a multiple of 4 for 3 stages"):
        stages_of(130, 100, 3)
    with pytest.raises(UsageError, match=r"2 for a picture; expected at least one"):
        stages_of(128, 2, 3)


def test_a_finer_stage_begins_where_the_coarser_one_ended():
    coarse, fine, *others = built("styles").phases
    assert len(others) == 2  # the other style's
    assert (pixels(coarse).shape, pixels(fine).shape) == ((32, 32, 3), (64, 64, 3))
    assert [phase.steps for phase in (coarse, fine)] == [4, 2]
    coarse.learner.pixels.assign(np.full((1, 32, 32, 3), 0.25, np.float32))
    fine.start()
    np.testing.assert_allclose(pixels(fine), 0.25, atol=1e-6)


def test_styles_are_one_job_for_each_and_differ_in_nothing_else():
    jobs = jobs_of(recipe("styles", "model.styles=5").model)
    assert [job.style_number for job in jobs] == [0, 1, 2, 3, 4]
    assert len({(job.settings, job.start) for job in jobs}) == 1
    assert jobs[0].start == "content"


class Made:
    """A picture that was made for a job of some name."""

    def __init__(self, name, picture, terms=None, style_number=0):
        self.job = SimpleNamespace(name=name, style_number=style_number, title="ours")
        self.picture = picture
        self.terms = terms


def flat(value):
    return np.full((32, 32, 3), value, np.float32)


class Judge:
    """A reference whose distances are differences of mean colours."""

    name = "judge"

    def distance(self, one, other):
        return abs(float(one.mean() - other.mean()))

    def swd(self, picture, other):
        return self.distance(picture, other)


SCENE = evaluate.Scene(flat(0.5), {"first": flat(0.2), "next_one": flat(0.9)})


def test_reconstructions_are_judged_by_pixels_and_by_patches():
    done = [
        Made("content_conv1_1", flat(0.6)),  # error 0.01
        Made("content_conv2_1", flat(1.5)),  # shown as 1: error 0.25
        Made("style_1", flat(0.5)),
        Made("style_2", flat(0.3)),
    ]
    found = evaluate.measure("reconstructions", done, SCENE, Judge())
    values = {name: metric.value for name, metric in found.items()}
    assert values == pytest.approx(
        {
            "log10_pixel_error_conv1_1": -2.0,
            "log10_pixel_error_conv2_1": np.log10(0.25),
            "style_swd_1_layers": 0.3,
            "style_swd_2_layers": 0.1,
            "log10_pixel_error_shallowest": -2.0,
            "log10_pixel_error_deepest": np.log10(0.25),
            "depth_rank_correlation": 1.0,
        },
        abs=1e-5,
    )


def test_ratios_are_judged_by_their_own_terms(monkeypatch):
    monkeypatch.setattr(evaluate, "_terms", lambda made: made.terms)
    done = [
        Made(f"ratio_{n}", flat(0), {"content": 10.0**-n, "style": 10.0 ** (n - 3)})
        for n in range(3)
    ]
    found = evaluate.measure("ratios", done, SCENE, Judge())
    values = {name: metric.value for name, metric in found.items()}
    assert values["log10_content_least_weight"] == 0.0
    assert values["log10_content_most_weight"] == -2.0
    assert values["log10_style_least_weight"] == -3.0
    assert values["log10_style_most_weight"] == -1.0
    assert values["log10_style_ratio_1"] == -2.0
    assert values["content_rank_correlation"] == pytest.approx(-1.0)
    assert values["style_rank_correlation"] == pytest.approx(1.0)


def test_starts_are_judged_by_how_far_apart_their_pictures_are(monkeypatch):
    totals = {"a": 1.0, "b": 10.0, "c": 100.0}
    monkeypatch.setattr(evaluate, "_objective", lambda made: totals[made.job.name])
    done = [Made("a", flat(0.1)), Made("b", flat(0.2)), Made("c", flat(0.4))]
    done.append(Made("d", flat(0.8), style_number=1))
    found = evaluate.measure("starts", done, SCENE, Judge())
    values = {name: metric.value for name, metric in found.items()}
    assert values == pytest.approx(
        {
            "log10_distance_between_starts": (0.1 + 0.3 + 0.2) / 3,
            "log10_distance_between_styles": 0.7,
            "log10_objective_spread": 2.0,
        }
    )


def test_styles_are_judged_by_their_own_style_the_others_and_the_photograph(
    monkeypatch,
):
    totals = {"style_0": 1.0, "style_1": 100.0}
    monkeypatch.setattr(evaluate, "_objective", lambda made: totals[made.job.name])
    # The second is nearer to the first style, 0.2, than to its own, 0.9.
    done = [Made("style_0", flat(0.3)), Made("style_1", flat(0.4), style_number=1)]
    found = evaluate.measure("styles", done, SCENE, Judge())
    values = {name: metric.value for name, metric in found.items()}
    # SSIM of flat pictures is that of their means: 2 a b / (a^2 + b^2), but for 1e-4.
    ssim = np.mean([(2 * 0.5 * x + 1e-4) / (0.25 + x * x + 1e-4) for x in (0.3, 0.4)])
    assert values == pytest.approx(
        {
            "style_swd_own": (0.1 + 0.5) / 2,
            "style_swd_other": (0.6 + 0.2) / 2,
            "own_style_nearest_percent": 50.0,
            "log10_content_judge": (0.2 + 0.1) / 2,
            "log10_content_judge_of_style": (0.1 + 0.5) / 2,
            "content_ssim": ssim,
            "log10_objective": 1.0,
        },
        abs=1e-5,
    )


def test_styles_stand_above_what_was_made_of_them():
    done = [Made("style_0", flat(0.3)), Made("style_1", flat(0.4), style_number=1)]
    figure = run_figures.pictures("styles", done, SCENE)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["content", "first", "next one", "", "ours", "ours"]


def test_pictures_stand_in_rows_with_their_titles():
    figure = figures.draw_pictures(
        [[("content", flat(0)), ("a", flat(1))], [("style", flat(0.5))]]
    )
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["content", "a", "style", ""]


def test_runs_of_other_variants_have_no_minimisers_to_draw(make_record):
    run = SimpleNamespace(record=make_record(variant="styles"))
    for draw in (figures.draw_minimisers, figures.draw_trade_off):
        with pytest.raises(NothingToDraw):
            draw([run])
