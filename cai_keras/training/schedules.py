"""The parts of learning rate schedules that Keras lacks."""

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule


@keras.saving.register_keras_serializable(package="cai_keras")
class Hold(LearningRateSchedule):
    """The first value of a schedule for some steps, then the schedule from its start.

    Args:
        schedule: what begins after `hold_steps`.
        hold_steps: at least 0.
    """

    def __init__(self, schedule: LearningRateSchedule, hold_steps: int):
        if hold_steps < 0:
            raise ValueError(f"hold_steps: expected at least 0, received {hold_steps}")
        self.schedule = schedule
        self.hold_steps = hold_steps

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        return self.schedule(ops.maximum(step - self.hold_steps, 0))

    def get_config(self):
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "hold_steps": self.hold_steps,
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["hold_steps"])


@keras.saving.register_keras_serializable(package="cai_keras")
class WarmUp(LearningRateSchedule):
    """A line from 0 to the learning rate, then another schedule at its own steps.

    Goyal et al. 2017 (arXiv:1706.02677), Section 2.2, from 0 as in Keras's
    CosineDecay: learning_rate * step / warmup_steps while step < warmup_steps.

    Args:
        learning_rate: what the line leads to.
        warmup_steps: at least 1.
        schedule: called with the same step, so that its steps are absolute; None
            keeps the learning rate. A `Hold` makes it begin after the warm-up.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        schedule: LearningRateSchedule | None = None,
    ):
        if warmup_steps < 1:
            raise ValueError(
                f"warmup_steps: expected at least 1, received {warmup_steps}"
            )
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.schedule = schedule

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        rising = self.learning_rate * (ops.cast(step, "float32") / self.warmup_steps)
        after = self.learning_rate if self.schedule is None else self.schedule(step)
        return ops.where(step < self.warmup_steps, rising, after)

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "schedule": keras.saving.serialize_keras_object(self.schedule),
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(config["learning_rate"], config["warmup_steps"], schedule)
