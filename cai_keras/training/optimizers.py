"""Optimizers and schedules by name, from a recipe's settings to Keras objects."""

import keras

from cai_keras.training.settings import (
    Adam,
    Constant,
    Cosine,
    Exponential,
    OptimizerSettings,
    Schedule,
    Sgd,
)


def make_optimizer(
    settings: OptimizerSettings, total_steps: int
) -> keras.optimizers.Optimizer:
    """The Keras optimizer of one update.

    Args:
        settings: from the recipe.
        total_steps: the optimiser steps that a schedule without boundaries spans.
    """
    common = {
        "learning_rate": make_schedule(
            settings.schedule, settings.learning_rate, total_steps
        ),
        "global_clipnorm": settings.clip_norm,
    }
    match settings:
        case Sgd():
            return keras.optimizers.SGD(
                momentum=settings.momentum, nesterov=settings.nesterov, **common
            )
        case Adam(weight_decay=None):
            return keras.optimizers.Adam(
                beta_1=settings.beta_1,
                beta_2=settings.beta_2,
                epsilon=settings.epsilon,
                **common,
            )
        case Adam():
            return keras.optimizers.AdamW(
                beta_1=settings.beta_1,
                beta_2=settings.beta_2,
                epsilon=settings.epsilon,
                weight_decay=settings.weight_decay,
                **common,
            )


def make_schedule(settings: Schedule, learning_rate: float, total_steps: int):
    """A number, or a Keras schedule of the optimizer's step (counted from 0)."""
    match settings:
        case Constant():
            return learning_rate
        case Cosine(warmup_steps=0):
            return keras.optimizers.schedules.CosineDecay(
                learning_rate, max(total_steps, 1), alpha=settings.final_fraction
            )
        case Cosine():
            return keras.optimizers.schedules.CosineDecay(
                0.0,
                max(total_steps - settings.warmup_steps, 1),
                alpha=settings.final_fraction,
                warmup_target=learning_rate,
                warmup_steps=settings.warmup_steps,
            )
        case Exponential():
            return keras.optimizers.schedules.ExponentialDecay(
                learning_rate, settings.every_steps, settings.factor, staircase=True
            )
