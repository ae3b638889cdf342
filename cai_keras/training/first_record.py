"""The record that a run starts with: what is known before the first step."""

import datetime
from collections.abc import Mapping

import keras

from cai_keras.reporting.record import DatasetInfo, Parameters, Record
from cai_keras.training.config import Recipe
from cai_keras.training.experiment import Experiment
from cai_keras.training.machine import describe_machine, peak_memory_bytes


def first_record(
    recipe: Recipe,
    seed: int,
    experiment: Experiment,
    strategy: str,
    replicas: int,
    paper_datasets: tuple[str, ...],
    code: str | None,
) -> Record:
    """A record in the state `running` at step 0, without metrics."""
    return Record(
        paper=recipe.slug,
        scale=recipe.scale,
        variant=recipe.variant,
        run_name=recipe.run_name,
        seed=seed,
        overrides=list(recipe.overrides),
        state="running",
        code=code,
        dataset=describe_dataset(experiment, recipe, paper_datasets),
        steps_planned=sum(phase.steps for phase in experiment.phases),
        steps_done=0,
        global_batch=recipe.data.batch_size,
        replicas=replicas,
        strategy=strategy,
        backend=keras.backend.backend(),
        precision=recipe.train.precision,
        machine=describe_machine(),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        wall_seconds=0.0,
        train_seconds=0.0,
        examples_per_second=None,
        peak_memory_bytes=peak_memory_bytes(),
        parameters=count_parameters(experiment.networks()),
        metrics={},
    )


def describe_dataset(
    experiment: Experiment, recipe: Recipe, paper_datasets: tuple[str, ...]
) -> DatasetInfo:
    """The record's data set; whether it is a stand-in is not the paper's to say."""
    loaded = experiment.dataset
    return DatasetInfo(
        spec=recipe.data.spec,
        stand_in=loaded.name not in paper_datasets,
        **vars(loaded),
    )


def count_parameters(networks: Mapping[str, keras.Model]) -> dict[str, Parameters]:
    """Scalars in each network: trainable, and all weights (seed states excluded)."""
    return {
        name: Parameters(
            trainable=_count(network.trainable_weights), total=_count(network.weights)
        )
        for name, network in networks.items()
    }


def _count(weights) -> int:
    return sum(int(keras.ops.size(weight)) for weight in weights)
