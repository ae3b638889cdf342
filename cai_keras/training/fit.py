"""A learner's step inside Keras's own `fit`, for notebooks."""

from typing import TYPE_CHECKING, Any

from cai_keras.errors import UsageError
from cai_keras.training.updates import apply_updates

if TYPE_CHECKING:
    from cai_keras.training.learner import Batch, Learner


def fit_step(learner: "Learner", batch: "Batch") -> dict[str, Any]:
    """One step; losses of updates that are not due at this step are NaN.

    Raises:
        UsageError: Keras's `fit` cannot do it; the engine can.
    """
    import tensorflow as tf

    cycle = learner.cycle
    if len(cycle) == 1:
        return apply_updates(learner, batch)
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        raise UsageError(
            "learner.fit: several replicas with an update that is not due at every "
            "step; `cai train --strategy` does it"
        )
    # The last step of a cycle applies every update, so it has every loss.
    names = list(_traced_losses(learner, batch))

    def branch(active):
        found = apply_updates(learner, batch, active=active)
        missing = float("nan")
        return [tf.cast(found.get(name, missing), tf.float32) for name in names]

    position = tf.cast(learner.steps.value % len(cycle), tf.int32)
    branches = [lambda active=active: branch(active) for active in cycle]
    return dict(zip(names, tf.switch_case(position, branches), strict=True))


def _traced_losses(learner: "Learner", batch: "Batch") -> dict[str, Any]:
    """The losses' names, from tracing a step that is not run."""
    import tensorflow as tf

    traced = tf.function(
        lambda given: apply_updates(learner, given, active=learner.cycle[-1]),
        autograph=False,
    )
    specs = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), batch)
    return traced.get_concrete_function(specs).structured_outputs
