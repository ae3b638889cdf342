"""The `train` section's own rules."""

import copy

import pytest
import yaml
from pydantic import ValidationError

from cai_keras.training.settings import Adam, Sgd, TrainSettings


@pytest.fixture
def train(tiny):
    """The tiny paper's `train` section as plain data."""
    return copy.deepcopy(yaml.safe_load(tiny.PAPER)["base"]["train"])


@pytest.mark.parametrize(
    ("steps", "factor", "total"),
    [(16, 1.0, 16), (800, 11.25, 9000), (16, 0.0, 0), (0, 5.0, 0), (10, 0.26, 3)],
)
def test_total_steps_are_steps_times_their_factor(train, steps, factor, total):
    train.update(steps=steps, steps_factor=factor)
    settings = TrainSettings.model_validate(train)
    assert settings.total_steps == total
    assert isinstance(settings.total_steps, int)


def test_the_name_chooses_the_optimizer(train):
    settings = TrainSettings.model_validate(train)
    assert isinstance(settings.optimizers["regress"], Sgd)
    assert isinstance(settings.optimizers["critic"], Adam)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": -1}, {"steps": 1.5}, {"steps_factor": -0.1}, {"steps_per_call": 0},
        {"log_every": 0}, {"evaluate_every": -1}, {"checkpoint_every": -1},
        {"keep_checkpoints": 0}, {"precision": "float64"}, {"deterministic": "yes"},
        {"steps": True}, {"optimizers": {"a": {"name": "rmsprop"}}},
    ],
    ids=lambda change: "_".join(f"{k}={v}" for k, v in change.items()),
)  # fmt: skip
def test_values_out_of_range_are_refused(train, change):
    train.update(change)
    with pytest.raises(ValidationError):
        TrainSettings.model_validate(train)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.0}, {"learning_rate": float("nan")}, {"momentum": 1.0},
        {"momentum": -0.1}, {"clip_norm": 0.0}, {"nesterov": 1}, {"beta_1": 0.9},
        {"schedule": {"name": "constant", "factor": 1.0}},
        {"schedule": {"name": "cosine", "warmup_steps": -1, "final_fraction": 0.0}},
        {"schedule": {"name": "cosine", "warmup_steps": 0, "final_fraction": 1.1}},
        {"schedule": {"name": "exponential", "factor": 0.0, "every_steps": 1}},
        {"schedule": {"name": "exponential", "factor": 0.5, "every_steps": 0}},
    ],
    ids=str,
)  # fmt: skip
def test_optimizer_constants_out_of_range_are_refused(train, change):
    train["optimizers"]["regress"].update(change)
    with pytest.raises(ValidationError):
        TrainSettings.model_validate(train)


@pytest.mark.parametrize("key", ["momentum", "nesterov", "clip_norm", "schedule"])
def test_no_constant_of_an_optimizer_has_a_default(train, key):
    del train["optimizers"]["regress"][key]
    with pytest.raises(ValidationError, match=key):
        TrainSettings.model_validate(train)


def test_an_integer_is_a_float_where_a_float_is_expected(train):
    train["optimizers"]["regress"]["learning_rate"] = 1
    settings = TrainSettings.model_validate(train)
    assert settings.optimizers["regress"].learning_rate == 1.0
