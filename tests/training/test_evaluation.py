"""The best checkpoint, averaged weights, and what evaluators see."""

import csv
import itertools
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cai_keras.cli import evaluate as cli_evaluate
from cai_keras.errors import RunError, UsageError
from cai_keras.reporting.record import Metric, read_record
from cai_keras.training import evaluation


@pytest.fixture
def session(tiny, paper, tmp_path):
    """Makes sessions of the tiny paper, whose `build` can be changed."""

    def make(**options):
        return tiny.Session(paper, tmp_path / "runs", **options)

    return make


# The best checkpoint

BEST = "train.keep_best={metric: validation/rank, better: lower}"
HIGHEST = "train.keep_best={metric: validation/rank, better: higher}"
SILENT = Metric(value=None, reason="nothing seen")


def ranked(*ranks):
    """A change: validations also have the next of these ranks, and 9 after them."""
    left = itertools.chain(ranks, itertools.repeat(9))

    def change(experiment):
        error = experiment.evaluators["validation"]

        def measure():
            rank = next(left)
            rank = rank if isinstance(rank, Metric) else Metric.of(rank, 1)
            return {**error(), "rank": rank}

        return replace(
            experiment, evaluators={**experiment.evaluators, "validation": measure}
        )

    return change


def best_checkpoints(made):
    return [path.stem for path in (made.folder.checkpoints / "best").glob("*.index")]


@pytest.fixture(scope="module")
def ranked_run(tiny, tmp_path_factory):
    """A finished run whose best step is 8; not to be changed."""
    folder = tmp_path_factory.mktemp("ranked")
    paper = tiny.write_paper(folder / "tiny")
    session = tiny.Session(paper, folder / "runs", ranked(3, 1, 2, 2.5))
    session.run(BEST)
    return session


def test_the_best_checkpoint_stays_beside_the_newest(ranked_run):
    assert best_checkpoints(ranked_run) == ["ckpt-8"]
    # keep_checkpoints: 3
    newest = {path.stem for path in ranked_run.folder.checkpoints.glob("*.index")}
    assert newest == {"ckpt-8", "ckpt-12", "ckpt-16"}


def test_each_new_best_is_said(ranked_run):
    assert ranked_run.reporter.messages == [
        "step 4: best validation/rank 3",
        "step 8: best validation/rank 1",
    ]
    assert "step 8: best validation/rank 1" in ranked_run.folder.log_path.read_text()


@pytest.mark.parametrize(
    ("wanted", "ranks", "step"),
    [
        # Validations after the steps 4, 8, 12 and, with the test split, 16.
        (HIGHEST, (-3, -1, -2, -5), 8),
        (BEST, (3, 2, 1, 0.5), 16),
        (BEST, (1, 1, 1, 1), 4),  # of equals the first stays
        (BEST, (SILENT, 3, SILENT, 4), 8),
    ],
    ids=["highest", "last", "equal", "without a value"],
)
def test_which_checkpoint_is_the_best(session, wanted, ranks, step):
    made = session(change=ranked(*ranks))

    made.run(wanted)

    assert best_checkpoints(made) == [f"ckpt-{step}"]


def test_a_resumed_run_knows_the_best_of_before(session):
    made = session(change=ranked(3, 1, 2, 2.5))

    def stop(done):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.run(BEST, on_advance=stop)
    made.run(BEST, resume=True)

    # 2 and 2.5 are better than nothing, but not than the 1 of step 8.
    assert best_checkpoints(made) == ["ckpt-8"]
    assert made.reporter.messages == []


def errors_of(folder):
    """Step -> the real validation error, from metrics.csv."""
    with open(folder.metrics_path, newline="") as file:
        rows = [row for row in csv.reader(file) if row[1] == "validation/error"]
    return {int(step): float(value) for step, _, value in rows}


@pytest.mark.parametrize(("best", "step"), [(True, 8), (False, 16)])
def test_a_restored_checkpoint_gives_its_metric_again(ranked_run, best, step):
    request = ranked_run.request(BEST)

    restored = evaluation.restore(
        request.recipe, 0, request.folder, ranked_run.build, best=best
    )

    metrics = evaluation.evaluate(restored, request.recipe)
    assert metrics["validation/error"].value == errors_of(request.folder)[step]


def test_the_checkpoints_that_are_compared_differ(ranked_run):
    errors = errors_of(ranked_run.folder)
    assert len({errors[step] for step in (4, 8, 12, 16)}) == 4


@pytest.mark.parametrize(("name", "step"), [("best", 8), ("newest", 16)])
def test_cai_evaluate_takes_the_checkpoint_that_is_named(
    ranked_run, monkeypatch, name, step
):
    find, build = (lambda slug: ranked_run.paper), (lambda paper: ranked_run.build)
    monkeypatch.setattr(cli_evaluate.papers, "find_paper", find)
    monkeypatch.setattr(cli_evaluate.papers, "builder_of", build)
    before = set(ranked_run.folder.path.glob("evaluations/*.json"))

    cli_evaluate.evaluate(ranked_run.folder.path, checkpoint=name)

    (path,) = set(ranked_run.folder.path.glob("evaluations/*.json")) - before
    metrics = read_record(path).metrics
    assert metrics["validation/error"].value == errors_of(ranked_run.folder)[step]


def test_cai_evaluate_refuses_another_name(session):
    with pytest.raises(
        UsageError, match=r"--checkpoint: .*'bets'; did you mean 'best'"
    ):
        cli_evaluate.evaluate(session().folder.path, checkpoint="bets")


def test_without_keep_best_there_is_no_best_checkpoint(session):
    made = session()
    made.run("train.steps=4")
    request = made.request("train.steps=4")

    with pytest.raises(RunError, match=r"no best checkpoint; set train\.keep_best"):
        evaluation.restore(request.recipe, 0, made.folder, made.build, best=True)


def test_an_unknown_metric_is_one_line_with_those_there_are(session):
    made = session()

    with pytest.raises(RunError) as caught:
        made.run("train.keep_best={metric: validation/eror, better: lower}")

    expected = "train.keep_best.metric: no 'validation/eror' among validation/error"
    assert str(caught.value) == expected
    # At the first validation, not after the training.
    assert (made.record.state, made.record.steps_done) == ("failed", 4)


# Averages of a run


def ema(use):
    return (
        "train.ema={networks: [regressor], momentum: 0.75, start_step: 2, "
        f"use_for_evaluation: {str(use).lower()}}}"
    )


class Watch:
    """Keeps the regressor's kernel after each step, and as others see it."""

    def __init__(self):
        self.live, self.seen = [], {"validation": [], "test": [], "figure": []}

    def change(self, experiment):
        self.learner = experiment.phases[0].learner
        watched = {
            split: self.watching(split, evaluator)
            for split, evaluator in experiment.evaluators.items()
        }
        figures = {n: self.watching("figure", f) for n, f in experiment.figures.items()}
        return replace(experiment, evaluators=watched, figures=figures)

    def watching(self, who, what):
        def measure():
            self.seen[who].append(self.kernel())
            return what()

        return measure

    def kernel(self):
        return self.learner.networks["regressor"].trainable_weights[0].numpy()

    def on_advance(self, done):
        self.live.append(self.kernel())


@pytest.fixture(scope="module", params=[True, False], ids=["averages", "live"])
def watched(request, tiny, tmp_path_factory):
    """A run of 8 steps, one a call, that evaluates with averages or without."""
    folder = tmp_path_factory.mktemp("watched")
    watch = Watch()
    paper = tiny.write_paper(folder / "tiny")
    session = tiny.Session(paper, folder / "runs", watch.change)
    sets = ("train.steps=8", "train.steps_per_call=1", ema(request.param))
    record = session.run(*sets, on_advance=watch.on_advance)
    averages = averages_with_numpy(watch.live)
    return SimpleNamespace(
        session=session,
        record=record,
        watch=watch,
        sets=sets,
        averages=averages,
        expected=averages if request.param else watch.live,
        other=watch.live if request.param else averages,
    )


def averages_with_numpy(live):
    averages = [live[0], live[1]]
    for weights in live[2:]:
        averages.append(0.75 * averages[-1] + 0.25 * weights)
    return averages


def test_the_averages_of_a_run_are_those_of_numpy(watched):
    kernel = watched.watch.learner.averages.variables[0].numpy()

    np.testing.assert_allclose(kernel, watched.averages[-1], rtol=1e-6, atol=1e-7)


def test_evaluators_and_figures_see_the_weights_that_were_asked_for(watched):
    seen = watched.watch.seen

    assert [len(kernels) for kernels in seen.values()] == [2, 1, 1]
    for kernels, steps in ((seen["validation"], (4, 8)), (seen["test"], (8,)),
                           (seen["figure"], (8,))):  # fmt: skip
        for kernel, step in zip(kernels, steps, strict=True):
            expected = watched.expected[step - 1]
            np.testing.assert_allclose(kernel, expected, rtol=1e-6, atol=1e-7)
            assert np.abs(kernel - watched.other[step - 1]).max() > 1e-3


def test_after_the_run_the_networks_have_their_own_weights(watched):
    np.testing.assert_array_equal(watched.watch.kernel(), watched.watch.live[-1])


def test_the_exported_network_is_the_one_that_was_evaluated(watched):
    path = watched.session.folder.checkpoints / "regressor.keras"
    loaded = keras.saving.load_model(path, safe_mode=True)

    (seen,) = watched.watch.seen["test"]
    np.testing.assert_array_equal(loaded.trainable_weights[0].numpy(), seen)


def test_a_restored_run_is_evaluated_as_it_was(watched):
    request = watched.session.request(*watched.sets)
    plain = evaluation.restore(request.recipe, 0, request.folder, watched.session.build)

    assert evaluation.evaluate(plain, request.recipe) == watched.record.metrics


def test_a_run_whose_evaluator_fails_keeps_its_own_weights(session):
    watch = Watch()

    def change(experiment):
        def fail():
            assert not np.array_equal(watch.kernel(), watch.live[-1])
            raise ZeroDivisionError("no example")

        return watch.change(replace(experiment, evaluators={"test": fail}))

    made = session(change=change)
    with pytest.raises(RunError, match="ZeroDivisionError: no example"):
        made.run("train.steps=4", ema(True), on_advance=watch.on_advance)

    np.testing.assert_array_equal(watch.kernel(), watch.live[-1])
