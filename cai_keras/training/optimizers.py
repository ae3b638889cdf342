"""Optimizers and schedules by name, from a recipe's settings to Keras objects."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from keras.optimizers.schedules import (
    CosineDecay,
    ExponentialDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

from cai_keras.training.lbfgs import WholePhaseLbfgs
from cai_keras.training.schedules import Hold, WarmUp
from cai_keras.training.settings import (
    Adam,
    Constant,
    Cosine,
    Exponential,
    Lbfgs,
    Linear,
    OptimizerSettings,
    Piecewise,
    Polynomial,
    RmsProp,
    Schedule,
    Sgd,
    WeightDecay,
)


@dataclass(frozen=True)
class UpdateRule:
    """How one update is applied.

    Attributes:
        optimizer: of this update alone.
        every: the update is applied at every n-th step.
        l2: a penalty on the update's weights, which the optimizer knows nothing of.
    """

    optimizer: keras.optimizers.Optimizer
    every: int = 1
    l2: WeightDecay | None = None


def make_rules(
    optimizers: Mapping[str, OptimizerSettings], total_steps: int
) -> dict[str, UpdateRule]:
    """One rule for each update, by the update's name.

    Args:
        optimizers: from the recipe.
        total_steps: of the run. An optimizer counts its own steps, so the schedule
            of an update that is applied at every n-th one spans total_steps // n.
    """
    return {
        name: UpdateRule(
            make_optimizer(settings, total_steps // settings.every),
            settings.every,
            _decay_of_kind("l2", settings),
        )
        for name, settings in optimizers.items()
    }


def make_optimizer(
    settings: OptimizerSettings, total_steps: int
) -> keras.optimizers.Optimizer:
    """The Keras optimizer of one update.

    Weight decay of the kind l2 is not in it: see `UpdateRule.l2`.

    Args:
        settings: from the recipe.
        total_steps: the optimizer's own steps, which a schedule without boundaries
            spans.
    """
    if isinstance(settings, Lbfgs):
        return WholePhaseLbfgs(settings.memory)
    decay = _decay_of_kind("decoupled", settings)
    optimizer = _make_without_exclusions(
        settings,
        learning_rate=make_schedule(
            settings.schedule, settings.learning_rate, total_steps
        ),
        global_clipnorm=settings.clip_norm,
        weight_decay=decay.rate if decay else None,
    )
    if decay and decay.exclude:
        optimizer.exclude_from_weight_decay(var_names=[_name_pattern(decay.exclude)])
    return optimizer


def _make_without_exclusions(
    settings: OptimizerSettings, **common
) -> keras.optimizers.Optimizer:
    match settings:
        case Sgd():
            return keras.optimizers.SGD(
                momentum=settings.momentum, nesterov=settings.nesterov, **common
            )
        case Adam():
            decays = common["weight_decay"] is not None
            adam = keras.optimizers.AdamW if decays else keras.optimizers.Adam
            return adam(
                beta_1=settings.beta_1,
                beta_2=settings.beta_2,
                epsilon=settings.epsilon,
                **common,
            )
        case RmsProp():
            return keras.optimizers.RMSprop(
                rho=settings.rho,
                momentum=settings.momentum,
                epsilon=settings.epsilon,
                centered=settings.centered,
                **common,
            )


def _decay_of_kind(kind: str, settings: OptimizerSettings) -> WeightDecay | None:
    decay = settings.weight_decay
    return decay if decay is not None and decay.kind == kind else None


def _name_pattern(names: Sequence[str]) -> str:
    """Matches the variables whose last part of the name is one of `names`.

    Keras searches for the pattern in a name that depends on where it runs: `bias`
    with JAX, `dense/bias:0` with TensorFlow and `dense/bias/replica_1:0` for the
    second device of a strategy.
    """
    last_part = "|".join(re.escape(name) for name in names)
    return rf"(?:\A|/)(?:{last_part})(?:/replica_\d+)?(?::\d+)?\Z"


def make_schedule(
    settings: Schedule, learning_rate: float, total_steps: int
) -> float | LearningRateSchedule:
    """A number, or a Keras schedule of the optimizer's step (counted from 0)."""
    if isinstance(settings, Cosine):  # the one that Keras warms up itself
        return _make_cosine(settings, learning_rate, total_steps)
    warmup_steps = settings.warmup_steps
    # Keras refuses to decay over 0 steps, which a run of no steps would ask for.
    span = max(total_steps - warmup_steps, 1)
    after = _make_after_warmup(settings, learning_rate, span)
    if warmup_steps:
        return WarmUp(learning_rate, warmup_steps, after)
    return learning_rate if after is None else after


def _make_cosine(settings: Cosine, rate: float, total_steps: int) -> CosineDecay:
    span = max(total_steps - settings.warmup_steps, 1)
    if settings.warmup_steps == 0:
        return CosineDecay(rate, span, alpha=settings.final_fraction)
    return CosineDecay(
        0.0,
        span,
        alpha=settings.final_fraction,
        warmup_target=rate,
        warmup_steps=settings.warmup_steps,
    )


def _make_after_warmup(
    settings: Schedule, rate: float, span: int
) -> LearningRateSchedule | None:
    """The schedule without its warm-up; None is a constant rate."""
    match settings:
        case Constant():
            return None
        case Exponential():
            return ExponentialDecay(
                rate, settings.every_steps, settings.factor, staircase=True
            )
        case Piecewise():
            # Keras keeps a value through the step that it names, and steps count
            # from 0: `boundary` steps end with the step boundary - 1.
            last_steps = [boundary - 1 for boundary in settings.boundaries]
            values = [rate * factor for factor in (1.0, *settings.factors)]
            return PiecewiseConstantDecay(last_steps, values)
        case Linear():
            held_steps = round(settings.hold_fraction * span)
            return _make_polynomial(settings, rate, span, held_steps, power=1.0)
        case Polynomial():
            return _make_polynomial(settings, rate, span, 0, settings.power)


def _make_polynomial(
    settings: Linear | Polynomial,
    rate: float,
    span: int,
    held_steps: int,
    power: float,
) -> LearningRateSchedule:
    decay = PolynomialDecay(
        rate,
        max(span - held_steps, 1),
        end_learning_rate=rate * settings.final_fraction,
        power=power,
    )
    before = settings.warmup_steps + held_steps
    return Hold(decay, before) if before else decay
