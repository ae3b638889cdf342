"""One training step under TensorFlow: every update of a learner, in order."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf
from keras import ops

from cai_keras.training.distribution import global_mean

if TYPE_CHECKING:  # a learner's train_step imports this module
    from cai_keras.training.learner import Batch, Learner, Update


def apply_updates(learner: "Learner", batch: "Batch") -> dict[str, Any]:
    """Applies the learner's updates to `batch`, each after the one before it.

    Returns:
        scalars: `<update>/<loss>` is the mean of each loss over the global batch,
        `<update>/regularisation` the networks' own penalties where they have any, and
        `<update>/total` what was minimised.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    global_batch = _batch_size(batch) * replicas
    metrics = {}
    for update in learner.updates():
        terms = _apply(learner, update, batch, global_batch, replicas)
        metrics.update({f"{update.name}/{key}": terms[key] for key in terms})
    return metrics


def _apply(
    learner: "Learner", update: "Update", batch: "Batch", global_batch, replicas: int
) -> dict[str, Any]:
    variables = learner.trainable_variables_of(update)
    optimizer = learner.update_optimizers[update.name]
    # Only this update's weights are watched: the other players' activations need
    # no gradients.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        losses = update.losses(batch)
        terms = {name: global_mean(v, global_batch) for name, v in losses.items()}
        total = sum(update.weights.get(name, 1.0) * v for name, v in terms.items())
        penalties = [
            penalty
            for name in update.networks
            for penalty in learner.networks[name].losses
        ]
        if penalties:
            # Each replica computes the whole penalty, and gradients are summed.
            terms["regularisation"] = ops.sum(ops.stack(penalties)) / replicas
            total = total + terms["regularisation"]
        # float16 gradients underflow: with mixed_float16 the optimizer multiplies
        # the loss by its dynamic scale here and divides the gradients in apply().
        scaled = optimizer.scale_loss(total)
    gradients = tape.gradient(scaled, [variable.value for variable in variables])
    optimizer.apply(gradients, variables)
    return {**terms, "total": total}


def _batch_size(batch: "Batch"):
    return ops.shape(tf.nest.flatten(batch)[0])[0]
