"""The grid at the paper's size: one network at a time, on one accelerator.

Task networks stay: their encoders give the codes. A transfer is needed only until its
losses on the test photographs are known, so that all transfers with heads of one kind
are trained in turn in the same network, each from the same first weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from cai_keras.networks.residual_blocks import Convolutions
from cai_keras.training.experiment import Phase
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.learner import Learner, Update
from cai_keras.training.optimizers import make_rules
from cai_keras.training.stages import divide_steps

from . import evaluate
from .grid import (
    ORDERS,
    RANDOM,
    candidate_count,
    combinations_of_best,
    encoders_of,
)
from .learner import TaskNetworks
from .model import build_paper_encoder
from .photograph_codes import CodedBatches, PhotographCodes
from .photograph_model import build_task_network, build_transfer
from .photograph_tasks import PHOTOGRAPH_TASKS
from .photographs import PhotographData, Photographs, seen_for_test, task_batches
from .small_model import seeded
from .tasks import VECTOR, losses_of

# The released configurations of vectors clip their gradients.
_VECTOR_CLIP_NORM = 1.0


class TransfersInTurn(Learner):
    """All transfers of one order to one task, one after the other in one network.

    Args:
        task: name of the target.
        networks: one.
        optimizers: one.
        choices: int (candidates, order): which sources each transfer reads; the first
            ones where that is chosen later.
        test_count: photographs of the test.
        like: another learner, on the same network.

    Attributes:
        choices, ranking_losses, test_losses: of transfers; (candidates, order), means
            (candidates,) and (candidates, test_count).
    """

    def __init__(
        self, task, networks, optimizers, choices, test_count, like=None, **kwargs
    ):
        super().__init__(networks, optimizers, **kwargs)
        self.task = task
        candidates = len(choices)

        def kept(value, dtype, name):
            return keras.Variable(
                np.asarray(value, dtype), dtype=dtype, trainable=False,
                autocast=False, name=name,
            )  # fmt: skip

        self.choices = kept(choices, "int32", "choices")
        self.ranking_losses = kept(np.zeros(candidates), "float32", "ranking_losses")
        self.test_losses = kept(
            np.zeros((candidates, test_count)), "float32", "test_losses"
        )
        self.build_optimizers()
        self.first = like.first if like else self._as_it_is()

    def _as_it_is(self) -> list[tuple[keras.Variable, np.ndarray]]:
        """Once a checkpoint is restored nobody knows any more what was first."""
        (optimizer,) = self.update_optimizers.values()
        return [
            (variable, keras.ops.convert_to_numpy(variable))
            for variable in (*self.network.variables, *optimizer.variables)
        ]

    @property
    def network(self) -> keras.Model:
        (network,) = self.networks.values()
        return network

    def updates(self):
        (name,) = self.update_optimizers
        return [Update(name, tuple(self.networks), self.losses)]

    def losses(self, batch):
        answers = self.network(batch["codes"], training=True)
        asked = PHOTOGRAPH_TASKS[self.task]
        return {self.task: losses_of(asked, batch["targets"][self.task], answers)[:, 0]}

    def restart(self, number: int) -> None:
        """The network and its optimizer as they were at first, for one transfer."""
        for variable, value in self.first:
            variable.assign(value)
        choice = keras.ops.convert_to_numpy(self.choices)[number]
        self.network.get_layer("choice").choice.assign(choice)

    def keep(self, number: int, ranking_loss: float, test_losses: np.ndarray) -> None:
        """What is left of one transfer."""
        for variable, value in (
            (self.ranking_losses, ranking_loss),
            (self.test_losses, test_losses),
        ):
            values = np.array(keras.ops.convert_to_numpy(variable))
            values[number] = value
            variable.assign(values)


@dataclass(frozen=True)
class PhotographGrid:
    """All networks of a run.

    Attributes:
        specific, from_pixels, random: as `grid.Grid`'s.
        transfers: order -> target -> learner.
        sources: in the order of their codes.
    """

    specific: Mapping[str, keras.Model]
    from_pixels: Mapping[str, keras.Model]
    random: keras.Model
    transfers: Mapping[int, Mapping[str, TransfersInTurn]]
    sources: tuple[str, ...]
    data: PhotographData
    batch_size: int

    def encoders(self) -> dict[str, keras.Model]:
        return encoders_of(self.specific, self.random)

    def choose(self, order: int, target: str, beam: int) -> None:
        """Combinations of the sources that transfer best, one by one."""
        losses = keras.ops.convert_to_numpy(self.transfers[1][target].ranking_losses)
        chosen = combinations_of_best(losses, self.sources, target, order, beam)
        self.transfers[order][target].choices.assign(chosen)

    def measure(self, codes: PhotographCodes, learner: TransfersInTurn, number: int):
        """Keeps the losses of the transfer that has just been trained."""
        found = [
            _transfer_losses(learner, codes, part, self.batch_size)
            for part in (self.data.ranking, self.data.test)
        ]
        learner.keep(number, float(found[0].mean()), found[1])

    def tables(self) -> dict:
        """Affinity, quality and gain of all transfers, from losses on test images."""
        found = []
        for target in self.transfers[1]:
            candidates, losses = [], []
            for order in ORDERS:
                learner = self.transfers[order][target]
                choices = keras.ops.convert_to_numpy(learner.choices)
                candidates += [tuple(self.sources[n] for n in row) for row in choices]
                losses.append(keras.ops.convert_to_numpy(learner.test_losses))
            own, few = (
                own_losses(networks[target], target, self.data.test, self.batch_size)
                for networks in (self.specific, self.from_pixels)
            )
            losses = np.concatenate(losses).astype(np.float64)
            found.append(evaluate.tables_of(target, candidates, losses, own, few))
        return evaluate.joined(found)


def build_photograph_grid(recipe, data: PhotographData, seed: int) -> PhotographGrid:
    """Networks of a recipe, with the learners of their transfers."""
    model, side = recipe.model, recipe.data.image_side
    make = Convolutions(model.batch_norm.momentum, model.batch_norm.epsilon)
    sources = (*model.targets, *model.source_only, RANDOM)

    def own(prefix, tasks):
        return {
            task: build_task_network(
                make, side, PHOTOGRAPH_TASKS[task], f"{prefix}_{task}"
            )
            for task in tasks
        }

    return PhotographGrid(
        specific=own("tasks", sources[:-1]),
        from_pixels=own("pixels", model.targets),
        random=build_paper_encoder(seeded(make, 1 + seed), side),
        transfers={
            order: _transfers(recipe, make, order, sources, len(data.test))
            for order in ORDERS
        },
        sources=sources,
        data=data,
        batch_size=recipe.evaluate.batch_size,
    )


def phases_of(recipe, grid: PhotographGrid, seed: int):
    """A phase for each network: task networks, networks from as few, transfers.

    `model.stages` are steps of one network.
    """
    shares, data = vars(recipe.model.stages), recipe.data
    beam = vars(recipe.model.beam)
    codes = PhotographCodes(grid.encoders, recipe.evaluate.batch_size)
    named = {
        **{("tasks", task, 0): shares["tasks"] for task in grid.specific},
        **{("pixels", task, 0): shares["pixels"] for task in grid.from_pixels},
        **{
            (order, target, number): shares[f"order_{order}"]
            for order in ORDERS
            for target, learner in grid.transfers[order].items()
            for number in range(learner.choices.shape[0])
        },
    }
    steps = divide_steps(recipe.train.total_steps, named)
    small = data.transfer_batch_size
    for (stage, task, number), count in steps.items():
        if stage in ORDERS:
            learner = grid.transfers[stage][task]
            yield Phase(
                learner,
                CodedBatches(codes, grid.data.transfer, task, small, seed),
                count,
                small,
                start=partial(_start, grid, beam, stage, task, number),
                finish=partial(grid.measure, codes, learner, number),
            )
            continue
        networks, photographs, size = {
            "tasks": (grid.specific, grid.data.train, data.batch_size),
            "pixels": (grid.from_pixels, grid.data.transfer, small),
        }[stage]
        network = networks[task]
        rules = _rules(recipe, stage, "networks", task, count)
        learner = TaskNetworks({network.name: network}, rules, PHOTOGRAPH_TASKS)
        yield Phase(learner, task_batches(photographs, task, size, seed), count, size)


def own_losses(
    network: keras.Model, task: str, photographs: Photographs, batch_size: int
) -> np.ndarray:
    """float64 (n,) of a network from images."""
    answering = keras.Model(network.inputs[0], network.output["answers"])
    found = []
    for images, targets in photographs.batches(
        seen_for_test(photographs, task), batch_size
    ):
        answers = predict_in_batches(answering, images, batch_size)
        found.append(_losses(task, targets, answers))
    return np.concatenate(found)


def _transfer_losses(
    learner: TransfersInTurn, codes: PhotographCodes, photographs: Photographs, size
) -> np.ndarray:
    coded, done, found = codes.of(photographs), 0, []
    for targets in photographs.batches(
        lambda position: photographs.target(position, learner.task), size
    ):
        inputs = np.array(coded[done : done + len(targets)])
        answers = predict_in_batches(learner.network, inputs, size)
        found.append(_losses(learner.task, targets, answers))
        done += len(targets)
    return np.concatenate(found)


def _losses(task: str, targets, answers) -> np.ndarray:
    found = losses_of(PHOTOGRAPH_TASKS[task], targets, answers)
    return keras.ops.convert_to_numpy(found)[:, 0].astype(np.float64)


def _start(
    grid: PhotographGrid, beam: Mapping[str, int], order: int, target: str, number: int
) -> None:
    if order > 1 and number == 0:
        grid.choose(order, target, beam[f"order_{order}"])
    grid.transfers[order][target].restart(number)


def _transfers(recipe, make, order: int, sources, test_count: int) -> dict:
    """Target -> learner; heads of one kind and size share a network."""
    model, stage = recipe.model, f"order_{order}"
    count = candidate_count(order, len(sources), vars(model.beam))
    steps = _steps_of(recipe, order, len(sources))
    shared, found = {}, {}
    for target in model.targets:
        task = PHOTOGRAPH_TASKS[target]
        name = f"{stage}_{task.kind}_{task.size}"
        like = shared.get(name)
        if like is None:
            side = recipe.data.image_side
            network = build_transfer(make, side, len(sources), order, task, name)
            networks = {name: network}
            rules = _rules(recipe, stage, "transfers", target, steps)
        else:
            networks, rules = like.networks, like.rules
        choices = np.arange(count * order).reshape(count, order) % len(sources)
        found[target] = TransfersInTurn(
            target, networks, rules, choices, test_count, like
        )
        shared.setdefault(name, found[target])
    return found


def _steps_of(recipe, order: int, num_sources: int) -> int:
    """Of one transfer, for its schedule; `divide_steps` may give one more or less."""
    model = recipe.model
    targets, beam = len(model.targets), vars(model.beam)
    shares = vars(model.stages)
    counts = {"tasks": num_sources - 1, "pixels": targets} | {
        f"order_{n}": targets * candidate_count(n, num_sources, beam) for n in ORDERS
    }
    whole = sum(shares[name] * counts[name] for name in counts)
    return max(1, round(recipe.train.total_steps * shares[f"order_{order}"] / whole))


def _rules(recipe, stage: str, kind: str, task: str, steps: int) -> dict:
    settings = recipe.train.optimizers[kind]
    if PHOTOGRAPH_TASKS[task].kind == VECTOR:
        settings = settings.model_copy(update={"clip_norm": _VECTOR_CLIP_NORM})
    return make_rules({stage: settings}, steps)
