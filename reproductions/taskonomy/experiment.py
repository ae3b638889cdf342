"""Networks for tasks, transfers between them, and policies; or published affinities."""

from functools import cache, partial

from cai_keras.errors import choose
from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.reporting.record import Metric
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.optimizers import make_rules
from cai_keras.training.stages import divide_steps

from . import evaluate
from .data import SceneData, load_scenes, load_tables, scene_batches
from .families import FAMILIES, SCENE_FAMILIES
from .grid import (
    ORDERS,
    CodeBatches,
    FrozenCodes,
    Grid,
    build_grid,
    own_losses,
    transfer_losses,
)
from .learner import TaskNetworks, Transfers
from .model import build_paper_decoder, build_paper_encoder, build_paper_transfer
from .photograph_grid import build_photograph_grid, phases_of
from .photograph_tasks import PHOTOGRAPH_TASKS
from .photographs import open_photographs
from .run_figures import figures_of_run
from .tasks import TASKS


def networks(recipe) -> dict:
    """The kinds of networks, for parameter counts."""
    model = recipe.model
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    if model.networks == "paper":
        return {
            "encoder": build_paper_encoder(make, recipe.data.image_side),
            "decoder": build_paper_decoder(make, 3),
            "transfer": build_paper_transfer(make, 1),
        }
    grid = build_grid(recipe, 0)
    first = model.targets[0]
    return {"task": grid.specific[first], "transfers": grid.transfers[1][first]}


def build(recipe, seed: int) -> Experiment:
    """The whole grid of one seed, or the analysis of published affinities."""
    if recipe.model.networks == "none":
        return _published(recipe, seed)
    if recipe.model.networks == "paper":
        return _photographs(recipe, seed)
    settings = recipe.data
    tasks = (*recipe.model.targets, *recipe.model.source_only)
    data, grid = load_scenes(settings, tasks), build_grid(recipe, seed)
    codes = FrozenCodes(grid, recipe.evaluate.batch_size)
    tables = cache(partial(_tables, recipe, grid, codes, data))

    def test():
        metrics = _metrics(recipe, tables(), SCENE_FAMILIES, seed, data.info)
        return {**metrics, **_losses(recipe, grid, data)}

    return Experiment(
        phases=tuple(_phases(recipe, seed, grid, codes, data)),
        evaluators={"test": test},
        figures=figures_of_run(tables, recipe, seed),
        dataset=data.info,
    )


def _photographs(recipe, seed: int) -> Experiment:
    """The grid at the paper's size, on its photographs."""
    data = open_photographs(recipe.data)
    grid = build_photograph_grid(recipe, data, seed)
    tables = cache(grid.tables)
    families = {name: task.family for name, task in PHOTOGRAPH_TASKS.items()}
    return Experiment(
        phases=tuple(phases_of(recipe, grid, seed)),
        evaluators={
            "test": lambda: _metrics(recipe, tables(), families, seed, data.info)
        },
        figures=figures_of_run(tables, recipe, seed),
        dataset=data.info,
    )


def _published(recipe, seed: int) -> Experiment:
    """No network: what policies from published affinities are worth."""
    tables, info = load_tables(recipe.data)
    return Experiment(
        phases=(),
        evaluators={"test": partial(_metrics, recipe, tables, FAMILIES, seed, info)},
        figures=figures_of_run(lambda: tables, recipe, seed),
        dataset=info,
    )


def _metrics(recipe, tables, families, seed: int, info) -> dict[str, Metric]:
    query = choose("evaluate.query", info.name, vars(recipe.evaluate.query))
    order, count = recipe.evaluate.order, info.examples["test"]
    return evaluate.metrics_of(tables, families, order, query, seed, count)


def _phases(recipe, seed: int, grid: Grid, codes: FrozenCodes, data: SceneData):
    """Task networks, networks from as few labels, and transfers order by order."""
    shares = vars(recipe.model.stages)
    steps = divide_steps(recipe.train.total_steps, shares)
    small = recipe.data.transfer_batch_size

    def rules(stage):
        kind = "transfers" if stage.startswith("order") else "networks"
        settings = recipe.train.optimizers[kind]
        return make_rules({stage: settings}, steps[stage])

    own = (
        ("tasks", grid.specific, data.train, recipe.data.batch_size),
        ("pixels", grid.from_pixels, data.transfer, small),
    )
    for stage, trained, scenes, batch_size in own:
        named = {network.name: network for network in trained.values()}
        views = tuple(dict.fromkeys(TASKS[task].view for task in trained))
        learner = TaskNetworks(named, rules(stage))
        batches = scene_batches(scenes, views, batch_size, seed)
        yield Phase(learner, batches, steps[stage], batch_size)
    for order in ORDERS:
        stage, trained = f"order_{order}", grid.transfers[order]
        named = {network.name: network for network in trained.values()}
        learner = Transfers(named, rules(stage))
        beam = vars(recipe.model.beam)
        batches = CodeBatches(grid, codes, data, order, beam, small, seed)
        yield Phase(learner, batches, steps[stage], small, start=batches.choose)


def _tables(recipe, grid: Grid, codes: FrozenCodes, data: SceneData):
    """Affinity, quality and gain of all transfers, from losses on the test images."""
    size, found = recipe.evaluate.batch_size, []
    for target in recipe.model.targets:
        candidates, losses = [], []
        for order in ORDERS:
            candidates += grid.candidates(order, target)
            losses += list(transfer_losses(grid, order, target, codes, data.test))
        own, few = (
            own_losses(trained[target], target, data.test, size)
            for trained in (grid.specific, grid.from_pixels)
        )
        found.append(evaluate.tables_of(target, candidates, losses, own, few))
    return evaluate.joined(found)


def _losses(recipe, grid: Grid, data: SceneData) -> dict[str, Metric]:
    """Of the networks that transfers are compared with."""
    size = recipe.evaluate.batch_size
    return {
        f"{name}_{task}_loss": Metric.of(
            own_losses(network, task, data.test, size).mean(), len(data.test)
        )
        for name, trained in (("own", grid.specific), ("pixels", grid.from_pixels))
        for task, network in trained.items()
    }
