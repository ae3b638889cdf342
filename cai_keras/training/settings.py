"""The `train` section of a recipe: what the engine needs to know.

Nothing that a paper sets has a default here: an optimizer's every constant stands
in the paper's `config.yaml`, because the libraries' defaults differ.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Unknown keys and silent conversions are errors; instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Positive = Annotated[int, Field(ge=1)]


class Constant(Strict):
    """The optimizer's learning rate at every step."""

    name: Literal["constant"]


class Cosine(Strict):
    """From the learning rate to `final_fraction` of it along half a cosine."""

    name: Literal["cosine"]
    warmup_steps: Annotated[int, Field(ge=0)]
    final_fraction: Annotated[float, Field(ge=0, le=1)]


class Exponential(Strict):
    """Multiplied by `factor` every `every_steps` steps, in jumps."""

    name: Literal["exponential"]
    factor: Annotated[float, Field(gt=0, le=1)]
    every_steps: Positive


Schedule = Annotated[Constant | Cosine | Exponential, Field(discriminator="name")]


class _Optimizer(Strict):
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    schedule: Schedule
    clip_norm: Annotated[float, Field(gt=0)] | None  # global norm over the update


class Sgd(_Optimizer):
    """Stochastic gradient descent with (Nesterov) momentum."""

    name: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    nesterov: bool


class Adam(_Optimizer):
    """Adam; with `weight_decay` not null AdamW, decoupled as in its paper."""

    name: Literal["adam"]
    beta_1: Annotated[float, Field(ge=0, lt=1)]
    beta_2: Annotated[float, Field(ge=0, lt=1)]
    epsilon: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] | None


OptimizerSettings = Annotated[Sgd | Adam, Field(discriminator="name")]


class TrainSettings(Strict):
    """How the engine trains.

    Attributes:
        steps: optimiser steps; 0 evaluates the initial weights.
        steps_factor: multiplies `steps`, so that a variant can be shorter or longer
            at every scale. Papers use `total_steps`, the product.
        steps_per_call: steps inside one `tf.function` call.
        optimizers: one for each of the learner's updates, by the update's name.
        precision: Keras's policy name.
        deterministic: bit-for-bit repeatable operations.
        log_every, evaluate_every, checkpoint_every: in steps; 0 only at the end.
        keep_checkpoints: how many of the newest stay.
    """

    steps: Annotated[int, Field(ge=0)]
    steps_factor: Annotated[float, Field(ge=0)]
    steps_per_call: Positive
    optimizers: dict[str, OptimizerSettings]
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    deterministic: bool
    log_every: Positive
    evaluate_every: Annotated[int, Field(ge=0)]
    checkpoint_every: Annotated[int, Field(ge=0)]
    keep_checkpoints: Positive

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return round(self.steps * self.steps_factor)
