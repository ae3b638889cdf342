"""One training step on any backend: every update of a learner, in order.

What stands here is the same for all: losses are averaged over the global batch, the
mean is scaled for float16, gradients are summed over micro-batches and replicas, and
only then clipped and applied. `tensorflow_step.py` and `jax_step.py` differentiate.
"""

import importlib
from collections.abc import Collection
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

import keras
from keras import ops, tree

from cai_keras.errors import UsageError
from cai_keras.training.reduction import global_mean

if TYPE_CHECKING:  # a learner's train_step imports this module
    from cai_keras.training.learner import Batch, Learner, Update

_STEPS = {"tensorflow": "tensorflow_step", "jax": "jax_step"}


def backend_step() -> ModuleType:
    """The module that differentiates under the Keras backend in use."""
    backend = keras.backend.backend()
    if backend not in _STEPS:
        raise UsageError(
            f"KERAS_BACKEND={backend}: the engine trains with {sorted(_STEPS)}"
        )
    return importlib.import_module(f"cai_keras.training.{_STEPS[backend]}")


def apply_updates(
    learner: "Learner",
    batch: "Batch",
    global_batch: int | None = None,
    active: Collection[str] | None = None,
) -> dict[str, Any]:
    """Applies the learner's updates to `batch`, each after the one before it.

    Args:
        batch: this replica's part of the global batch.
        global_batch: examples of all replicas; counted if None.
        active: names of the updates that are due at this step; all if None.
    Returns:
        scalars, this replica's shares: summed over replicas `<update>/<loss>` is the
        mean of each loss over the global batch, `<update>/regularisation` the
        penalties on the weights where there are any, and `<update>/total` what was
        minimised.
    """
    if global_batch is None:
        global_batch = backend_step().global_batch_size(_batch_size(batch))
    parts = _micro_batches(batch, learner.accumulate)
    metrics = {}
    for update in learner.updates():
        if active is not None and update.name not in active:
            continue
        terms = _apply(learner, update, parts, global_batch)
        metrics.update({f"{update.name}/{key}": terms[key] for key in terms})
    if learner.averages is not None:
        learner.averages.follow(learner.steps)
    learner.steps.assign_add(1)
    return metrics


def _apply(learner, update: "Update", parts: list["Batch"], global_batch) -> dict:
    step = backend_step()
    variables = learner.trainable_variables_of(update)
    terms, gradients = None, None
    for part in parts:
        part_objective = partial(
            objective, learner, update, part, global_batch, shares=len(parts)
        )
        new_terms, new = step.gradients(
            part_objective, variables, after=gradients or ()
        )
        if terms is None:
            terms, gradients = new_terms, new
        else:
            terms = {name: terms[name] + new_terms[name] for name in terms}
            gradients = [_add(a, b) for a, b in zip(gradients, new, strict=True)]
    gradients = step.sum_over_replicas(gradients)
    step.apply(learner.update_optimizers[update.name], gradients, variables)
    return terms


def objective(learner, update: "Update", batch, global_batch, shares: int):
    """What is differentiated, and its terms, for one micro-batch of one replica.

    Args:
        shares: micro-batches of the step.
    """
    losses = update.losses(batch)
    terms = {name: global_mean(v, global_batch) for name, v in losses.items()}
    total = sum(update.weights.get(name, 1.0) * v for name, v in terms.items())
    penalty = _penalty(learner, update)
    if penalty is not None:
        # Every micro-batch of every replica computes the whole penalty, and their
        # gradients are summed.
        terms["regularisation"] = penalty / (shares * backend_step().num_replicas())
        total = total + terms["regularisation"]
    terms["total"] = total
    # float16 gradients underflow: with mixed_float16 the optimizer multiplies the
    # loss by its dynamic scale here and divides the gradients in apply().
    return learner.update_optimizers[update.name].scale_loss(total), terms


def _penalty(learner, update: "Update"):
    """The networks' own penalties and the recipe's L2; None without any."""
    penalties = [
        ops.cast(penalty, "float32")
        for name in update.networks
        for penalty in learner.networks[name].losses
    ]
    l2 = learner.rules[update.name].l2
    if l2 is not None:
        penalties += [
            0.5 * l2.rate * ops.sum(ops.square(ops.cast(variable, "float32")))
            for variable in learner.trainable_variables_of(update)
            if variable.path.rpartition("/")[2] not in l2.exclude
        ]
    return ops.sum(ops.stack(penalties)) if penalties else None


def _micro_batches(batch: "Batch", count: int) -> list["Batch"]:
    if count == 1:
        return [batch]
    size = _batch_size(batch)
    if isinstance(size, int) and size < count:
        raise UsageError(
            f"train.accumulate: {count} micro-batches of {size} examples a replica; "
            "each needs at least one"
        )
    bounds = [size * part // count for part in range(count + 1)]
    return [
        tree.map_structure(lambda x, a=a, b=b: x[a:b], batch)
        for a, b in pairwise(bounds)
    ]


def _add(a, b):
    if a is None or b is None:
        return a if b is None else b
    return ops.add(a, b)


def _batch_size(batch: "Batch"):
    return ops.shape(tree.flatten(batch)[0])[0]
