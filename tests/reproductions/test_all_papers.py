"""What every paper must do: parse, count, train at `smoke`, evaluate and resume."""

import re
import signal
import subprocess
import sys
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

from cai_keras.cli.papers import (
    builder_of,
    claims_of,
    figures_of,
    find_paper,
    networks_of,
    paper_slugs,
)
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine, evaluation
from cai_keras.training.config import SCALES
from cai_keras.training.first_record import count_parameters
from cai_keras.training.preparation import set_up_process

SLUGS = paper_slugs()
VARIANTS = [(slug, variant) for slug in SLUGS for variant in find_paper(slug).variants]


def named_choices(values, place=""):
    """The words and switches of a recipe, with their keys; numbers left out."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from named_choices(value, f"{place}.{key}")
    elif isinstance(values, (list, tuple)):
        for number, value in enumerate(values):
            yield from named_choices(value, f"{place}.{number}")
    elif isinstance(values, (str, bool)) or values is None:
        yield place, values


@cache
def representatives(slug):
    """Every variant -> the first one that differs from it in numbers only.

    To train that one shows what the others would: two depths run the same code.
    """
    paper, first = find_paper(slug), {}
    found = {}
    for variant in paper.variants:
        recipe = paper.recipe("smoke", variant)
        sections = {name: recipe.values[name] for name in ("data", "model", "evaluate")}
        kind = (frozenset(named_choices(sections)), min(2, recipe.train.total_steps))
        found[variant] = first.setdefault(kind, variant)
    return found


def trainings() -> list:
    """All variants; those that another one represents are marked slow."""
    return [
        pytest.param(
            slug,
            variant,
            marks=() if representatives(slug)[variant] == variant else pytest.mark.slow,
        )
        for slug, variant in VARIANTS
    ]


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


class Stopping(Silent):
    """Sends the process a SIGTERM after the first call of the training loop."""

    def advance(self, done, losses):
        signal.raise_signal(signal.SIGTERM)


@pytest.fixture(autouse=True)
def _clean_process():
    yield
    keras.config.set_dtype_policy("float32")
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(slug, variant) -> record and folder of its smoke run, trained once."""
    output = tmp_path_factory.mktemp("runs")

    @cache
    def once(slug, variant):
        return train(find_paper(slug), variant, output)

    return once


def request(paper, variant, output, resume=False):
    recipe = paper.recipe("smoke", variant)
    seed = recipe.seeds[0]
    folder = RunFolder.of(output, paper.slug, "smoke", recipe.run_name, seed)
    datasets = tuple(paper.file.paper.datasets)
    return engine.RunRequest(recipe, seed, folder, datasets, resume=resume)


def train(paper, variant, output, reporter=None, resume=False):
    asked = request(paper, variant, output, resume)
    return engine.run(asked, builder_of(paper), reporter or Silent()), asked.folder


def reproducible(metrics):
    """All but what a clock measured."""
    return {name: metric for name, metric in metrics.items() if not metric.is_timed}


def trained_values(folder):
    """Everything in the newest checkpoint but the clock."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder.checkpoints))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if not name.startswith(("seconds", "_CHECKPOINTABLE", "save_counter"))
    }


def learner_classes(paper, variant):
    """The learners of a variant that can be interrupted half way; maybe none."""
    recipe = paper.recipe("smoke", variant)
    if recipe.train.total_steps <= recipe.train.steps_per_call:
        return ()
    set_up_process(recipe, 0)
    experiment = builder_of(paper)(recipe, 0)
    return tuple(type(phase.learner) for phase in experiment.phases)


@cache
def one_variant_per_learner(slug):
    """The first variant of every combination of learner classes."""
    paper = find_paper(slug)
    found = {}
    for variant in dict.fromkeys(representatives(slug).values()):
        found.setdefault(learner_classes(paper, variant), variant)
    found.pop((), None)
    return list(found.values())


def metrics_of(claim):
    """What a claim reads: (role, variant) -> metric."""
    found = {("method", claim.variant): claim.metric}
    if claim.kind == "effect":
        found["baseline", claim.baseline] = claim.metric_of_baseline
    return found


# What the files say


@pytest.mark.parametrize("slug", SLUGS)
def test_the_folder_has_readme_config_and_experiment(slug):
    folder = find_paper(slug).folder

    names = {path.name for path in folder.iterdir()}

    assert {"README.md", "config.yaml", "experiment.py"} <= names


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_every_variant_resolves_at_every_scale(slug, variant, scale):
    recipe = find_paper(slug).recipe(scale, variant)

    assert (recipe.slug, recipe.scale, recipe.variant) == (slug, scale, variant)
    assert len(set(recipe.seeds)) == len(recipe.seeds) > 0


@pytest.mark.parametrize("slug", SLUGS)
def test_claims_are_about_metrics_of_a_split(slug):
    claims = claims_of(find_paper(slug)).claims

    assert claims
    for claim in claims:
        for metric in metrics_of(claim).values():
            assert re.fullmatch(r"test/[a-z][a-z0-9_]*", metric), claim.id
        assert claim.source.strip(), claim.id


@pytest.mark.parametrize("slug", SLUGS)
def test_the_paper_scale_is_on_one_of_the_papers_data_sets(slug):
    paper = find_paper(slug)

    for variant in paper.variants:
        kind, _, name = paper.recipe("paper", variant).data.spec.partition(":")
        assert kind == "tfds", variant
        assert name.partition("/")[0] in paper.file.paper.datasets, variant


@pytest.mark.parametrize(("slug", "variant"), VARIANTS)
def test_the_smaller_scales_need_no_download(slug, variant):
    paper = find_paper(slug)

    for scale in ("smoke", "small"):
        assert paper.recipe(scale, variant).data.spec.startswith("embedded:")


@pytest.mark.parametrize("slug", SLUGS)
def test_our_networks_have_the_published_number_of_parameters(slug):
    paper = find_paper(slug)

    for network in paper.file.networks:
        recipe = paper.recipe("paper", network.variant)
        counted = count_parameters(networks_of(paper)(recipe))[network.network]
        assert counted.trainable == network.parameters, network.variant


def test_figures_over_runs_are_imported_without_tensorflow():
    lines = [
        "import sys",
        "from cai_keras.cli import papers",
        f"for slug in {SLUGS!r}: papers.figures_of(papers.find_paper(slug))",
        "print(sorted({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)))",
    ]

    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip() == "[]"


# What the engine makes of them


@pytest.mark.parametrize(("slug", "variant"), trainings())
def test_every_variant_trains_evaluates_and_writes_its_record(slug, variant, trained):
    record, folder = trained(slug, variant)

    assert folder.record() == record
    assert record.state == "done"
    assert record.reason is None
    assert record.steps_done == record.steps_planned
    assert (record.paper, record.scale, record.variant) == (slug, "smoke", variant)
    assert record.overrides == []
    assert all(count > 0 for count in record.dataset.examples.values())
    assert {name.partition("/")[0] for name in record.metrics} >= {"test"}
    for metric in record.metrics.values():
        assert (metric.value is None) == bool(metric.reason)
        assert metric.value is None or np.isfinite(metric.value)
        assert metric.value is None or metric.count > 0


@pytest.mark.parametrize("slug", SLUGS)
def test_records_have_the_metrics_that_claims_are_about(slug, trained):
    for claim in find_paper(slug).file.claims:
        for (_, variant), metric in metrics_of(claim).items():
            record, _ = trained(slug, representatives(slug)[variant])
            assert record.metrics[metric].value is not None, claim.id


@pytest.mark.parametrize("slug", SLUGS)
def test_the_file_declares_the_figures_that_the_code_draws(slug, trained):
    paper = find_paper(slug)
    chosen = dict.fromkeys(representatives(slug).values())
    folders = [trained(slug, variant)[1] for variant in chosen]
    # A run that has nothing to draw has no folder for it.
    drawn = {path.stem for folder in folders for path in folder.figures.glob("*")}

    declared = {kind: set() for kind in ("run", "runs")}
    for figure in paper.file.figures:
        declared[figure.of].add(figure.id)

    assert declared == {"run": drawn, "runs": set(figures_of(paper))}


@pytest.mark.parametrize("slug", SLUGS)
def test_an_interrupted_and_resumed_run_equals_an_undisturbed_one(
    slug, trained, tmp_path
):
    paper = find_paper(slug)

    for variant in one_variant_per_learner(slug):
        whole, whole_folder = trained(slug, variant)
        with pytest.raises(engine.InterruptedRunError, match="SIGTERM"):
            train(paper, variant, tmp_path, Stopping())
        stopped = request(paper, variant, tmp_path).folder.record()
        resumed, parts_folder = train(paper, variant, tmp_path, resume=True)

        assert stopped.state == "interrupted"
        assert 0 < stopped.steps_done < whole.steps_done == resumed.steps_done
        assert resumed.state == "done"
        assert reproducible(resumed.metrics) == reproducible(whole.metrics)
        expected, found = trained_values(whole_folder), trained_values(parts_folder)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("slug", SLUGS)
def test_training_changes_the_weights(slug, tmp_path):
    paper = find_paper(slug)
    variant = one_variant_per_learner(slug)[0]
    with pytest.raises(engine.InterruptedRunError):
        train(paper, variant, tmp_path, Stopping())
    folder = request(paper, variant, tmp_path).folder
    half = trained_values(folder)
    train(paper, variant, tmp_path, resume=True)

    final = trained_values(folder)

    networks = [name for name in half if "networks" in name]
    assert networks
    assert any(not np.array_equal(half[name], final[name]) for name in networks)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_finished_run_is_restored_and_measures_the_same(slug, trained):
    paper = find_paper(slug)
    variant = one_variant_per_learner(slug)[0]
    record, folder = trained(slug, variant)
    recipe = paper.recipe("smoke", variant)

    experiment = evaluation.restore(recipe, record.seed, folder, builder_of(paper))

    found = evaluation.evaluate(experiment, recipe)
    assert reproducible(found) == reproducible(record.metrics)
    assert found.keys() == record.metrics.keys()


@pytest.mark.parametrize("slug", SLUGS)
def test_exported_networks_load_with_keras_alone(slug, trained):
    record, folder = trained(slug, one_variant_per_learner(slug)[0])

    for name, parameters in record.parameters.items():
        path = folder.checkpoints / f"{name}.keras"
        network = keras.saving.load_model(path, safe_mode=True)
        assert network.count_params() == parameters.total
