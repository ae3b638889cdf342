"""The `train` section of a recipe: what the engine needs to know.

Nothing that a paper sets has a default here: an optimizer's every constant stands
in the paper's `config.yaml`, because the libraries' defaults differ. A default means
that a feature is off, or that the engine works as it always does.
"""

import itertools
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """Unknown keys, silent conversions, NaN and infinity are errors; frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class _Schedule(Strict):
    """A learning rate over the steps of one optimizer, counted from 0.

    Attributes:
        warmup_steps: during these the rate rises linearly from 0 to the learning
            rate (Goyal et al. 2017, arXiv:1706.02677, Section 2.2); 0 is none. What
            spans the run then spans the steps that are left.
    """

    warmup_steps: NotNegative = 0


class Constant(_Schedule):
    """The optimizer's learning rate at every step."""

    name: Literal["constant"]


class Cosine(_Schedule):
    """From the learning rate to `final_fraction` of it along half a cosine."""

    name: Literal["cosine"]
    warmup_steps: NotNegative  # no default: who decays by a cosine says how it begins
    final_fraction: Fraction


class Exponential(_Schedule):
    """Multiplied by `factor` every `every_steps` steps, in jumps; absolute steps."""

    name: Literal["exponential"]
    factor: Annotated[float, Field(gt=0, le=1)]
    every_steps: Positive


class Linear(_Schedule):
    """Constant for `hold_fraction` of the steps, then a line to `final_fraction`.

    CycleGAN (Zhu et al. 2017, arXiv:1703.10593) holds half of its epochs and ends
    at 0.
    """

    name: Literal["linear"]
    hold_fraction: BelowOne
    final_fraction: Fraction


class Polynomial(_Schedule):
    """To `final_fraction` as (1 - step / steps)^power, `keras` PolynomialDecay."""

    name: Literal["polynomial"]
    power: PositiveFloat
    final_fraction: Fraction


class Piecewise(_Schedule):
    """Multiplied by a factor from each boundary on; absolute steps.

    Attributes:
        boundaries: steps; the first boundary is how many steps have the learning
            rate itself, as in Caffe and PyTorch.
        factors: one for each boundary, all relative to the learning rate itself:
            [0.1, 0.01] divides it by 10 twice.
    """

    name: Literal["piecewise"]
    boundaries: Annotated[list[Positive], Field(min_length=1)]
    factors: list[PositiveFloat]

    @field_validator("boundaries")
    @classmethod
    def _must_increase(cls, boundaries: list[int]) -> list[int]:
        if any(b <= a for a, b in itertools.pairwise(boundaries)):
            raise PydanticCustomError("order", "Boundaries should increase")
        return boundaries

    @field_validator("factors")
    @classmethod
    def _must_match(cls, factors: list[float], info: ValidationInfo) -> list[float]:
        boundaries = info.data.get("boundaries", factors)  # absent: refused already
        if len(factors) != len(boundaries):
            raise PydanticCustomError(
                "length",
                "Factors should be as many as boundaries, {count}",
                {"count": len(boundaries)},
            )
        return factors


Schedule = Annotated[
    Constant | Cosine | Exponential | Linear | Polynomial | Piecewise,
    Field(discriminator="name"),
]


class WeightDecay(Strict):
    """Weights are drawn to 0, in one of the two ways that share this name.

    Loshchilov and Hutter 2019 (arXiv:1711.05101): they agree for plain SGD, where
    `decoupled` with rate r is `l2` with rate r, and for no other optimizer.

    Attributes:
        kind: decoupled: each update also takes learning rate * rate * w from a
            weight w. l2: rate / 2 * |w|^2 is added to the loss, whose gradient
            rate * w passes through the optimizer.
        rate: the papers' lambda.
        exclude: names of weights that are left out, equal to the last part of a
            weight's path: bias, gamma, beta.
    """

    kind: Literal["decoupled", "l2"]
    rate: Annotated[float, Field(ge=0)]
    exclude: list[Annotated[str, Field(pattern="^[^/]+$")]]


class _Optimizer(Strict):
    """What every optimizer has.

    Attributes:
        learning_rate: at the top of the schedule.
        clip_norm: gradients are scaled down to this global norm over the update.
        every: this update is applied at every n-th step (n_critic of WGAN). The
            schedule counts its own steps: total steps // every.
        weight_decay: of the update's weights.
    """

    learning_rate: PositiveFloat
    schedule: Schedule
    clip_norm: PositiveFloat | None
    every: Positive = 1
    weight_decay: WeightDecay | None = None


class Sgd(_Optimizer):
    """Stochastic gradient descent with (Nesterov) momentum."""

    name: Literal["sgd"]
    momentum: BelowOne
    nesterov: bool


class Adam(_Optimizer):
    """Adam; with decoupled `weight_decay` AdamW."""

    name: Literal["adam"]
    beta_1: BelowOne
    beta_2: BelowOne
    epsilon: PositiveFloat


class RmsProp(_Optimizer):
    """RMSprop; `centered` divides by the variance instead of the square."""

    name: Literal["rmsprop"]
    rho: BelowOne
    momentum: BelowOne
    epsilon: PositiveFloat
    centered: bool


class Lbfgs(Strict):
    """A whole phase is one minimisation by SciPy's L-BFGS-B; see `lbfgs.py`.

    A step is one evaluation of the objective and its gradient.

    Attributes:
        memory: pairs of steps and changes of the gradient that stand for the Hessian.
    """

    name: Literal["lbfgs"]
    memory: Positive
    every: Literal[1] = 1
    weight_decay: None = None


OptimizerSettings = Annotated[Sgd | Adam | RmsProp | Lbfgs, Field(discriminator="name")]


class Ema(Strict):
    """An exponential moving average of weights beside the weights themselves.

    Attributes:
        networks: which of the learner's networks have one.
        momentum: average = momentum * average + (1 - momentum) * weight.
        start_step: before this step the average equals the weights.
        use_for_evaluation: evaluators and figures see the average.
    """

    networks: Annotated[list[str], Field(min_length=1)]
    momentum: Annotated[float, Field(gt=0, lt=1)]
    start_step: NotNegative
    use_for_evaluation: bool


class KeepBest(Strict):
    """The checkpoint with the best value of a metric is kept beside the newest.

    Attributes:
        metric: `split/name`, such as validation/accuracy_percent.
        better: whether higher or lower is better.
    """

    metric: str
    better: Literal["higher", "lower"]


def _true_false_or_auto(value: Any) -> bool | str:
    # pydantic would report one error for each member of a union.
    if isinstance(value, bool) or value == "auto":
        return value
    raise PydanticCustomError("switch", "Input should be true, false or auto")


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
        accumulate: micro-batches that each global batch is split into; steps and
            batch size stay the same.
        ema: a moving average of weights.
        keep_best: also keeps the checkpoint that is best in one metric.
        synchronized_batch_norm: statistics over all replicas instead of each one's.
        check_finite: a NaN or infinite loss stops the run.
        xla: compile with XLA; auto: where it is known to be faster. In YAML also
            on and off.
        strategy: which devices: one, all of this machine (mirrored), all of a
            cluster (multiworker), or TPU cores.
        cluster: where a multiworker run reads its cluster from; auto: whichever of
            the three is set up.
        data_service: addresses of tf.data service dispatchers; none: the input
            pipeline runs in this process.
    """

    steps: NotNegative
    steps_factor: Annotated[float, Field(ge=0)]
    steps_per_call: Positive
    optimizers: dict[str, OptimizerSettings]
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    deterministic: bool
    log_every: Positive
    evaluate_every: NotNegative
    checkpoint_every: NotNegative
    keep_checkpoints: Positive
    accumulate: Positive = 1
    ema: Ema | None = None
    keep_best: KeepBest | None = None
    synchronized_batch_norm: bool = True
    check_finite: bool = True
    xla: Annotated[bool | Literal["auto"], PlainValidator(_true_false_or_auto)] = "auto"
    strategy: Literal["one", "mirrored", "multiworker", "tpu"] = "one"
    cluster: Literal["auto", "tf_config", "slurm", "kubernetes"] = "auto"
    data_service: list[Annotated[str, Field(pattern=r"^grpc://.+:\d+$")]] = []

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return round(self.steps * self.steps_factor)


# Settings of `train` that say where and how a run is computed but not what it
# computes: it can go on with others, on more devices for instance.
MACHINE_KEYS = ("strategy", "cluster", "data_service", "xla")
