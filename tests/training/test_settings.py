"""The `train` section's own rules."""

import copy

import pytest
import yaml
from pydantic import ValidationError

from cai_keras.training.settings import (
    MACHINE_KEYS,
    Adam,
    RmsProp,
    Sgd,
    TrainSettings,
)

EMA = {
    "networks": ["critic"], "momentum": 0.9, "start_step": 0, "use_for_evaluation": True
}  # fmt: skip
DECAY = {"kind": "l2", "rate": 0.1, "exclude": ["bias"]}
RMSPROP = {
    "name": "rmsprop", "learning_rate": 5.0e-5, "schedule": {"name": "constant"},
    "clip_norm": None, "rho": 0.9, "momentum": 0.0, "epsilon": 1.0e-7, "centered": False
}  # fmt: skip


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
    train["optimizers"]["critic"] = RMSPROP
    settings = TrainSettings.model_validate(train)
    assert isinstance(settings.optimizers["critic"], RmsProp)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": -1}, {"steps": 1.5}, {"steps_factor": -0.1}, {"steps_per_call": 0},
        {"log_every": 0}, {"evaluate_every": -1}, {"checkpoint_every": -1},
        {"keep_checkpoints": 0}, {"precision": "float64"}, {"deterministic": "yes"},
        {"steps": True}, {"optimizers": {"a": {"name": "rmsprop"}}},
        {"accumulate": 0}, {"accumulate": 1.0}, {"check_finite": 1},
        {"synchronized_batch_norm": "no"}, {"strategy": "two"}, {"cluster": "none"},
        {"xla": "on"}, {"xla": 1}, {"xla": None}, {"ema": True}, {"ema": {}},
        {"keep_best": {"metric": "validation/error"}},
        {"keep_best": {"metric": "validation/error", "better": "smaller"}},
        {"data_service": "grpc://a:1"}, {"data_service": ["a:1"]},
        {"data_service": ["grpc://a"]}, {"data_service": None},
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
        {"schedule": {"name": "constant", "warmup_steps": -1}},
        {"schedule": {"name": "constant", "warmup_steps": 1.0}},
        {"schedule": {"name": "cosine", "final_fraction": 0.0}},
        {"schedule": {"name": "linear", "hold_fraction": 1.0, "final_fraction": 0.0}},
        {"schedule": {"name": "linear", "hold_fraction": -0.1, "final_fraction": 0.0}},
        {"schedule": {"name": "linear", "hold_fraction": 0.5}},
        {"schedule": {"name": "linear", "hold_fraction": 0.5, "final_fraction": 1.1}},
        {"schedule": {"name": "polynomial", "power": 0.0, "final_fraction": 0.0}},
        {"schedule": {"name": "polynomial", "power": float("inf"),
                      "final_fraction": 0.0}},
        {"schedule": {"name": "piecewise", "boundaries": [], "factors": []}},
        {"schedule": {"name": "piecewise", "boundaries": [0], "factors": [0.1]}},
        {"schedule": {"name": "piecewise", "boundaries": [1], "factors": [0.0]}},
        {"schedule": {"name": "piecewise", "boundaries": [1], "factors": [-0.1]}},
        {"every": 0}, {"every": 1.5}, {"weight_decay": 0.1}, {"weight_decay": {}},
        {"weight_decay": DECAY | {"kind": "L2"}},
        {"weight_decay": DECAY | {"rate": -0.1}},
        {"weight_decay": DECAY | {"exclude": "bias"}},
        {"weight_decay": DECAY | {"exclude": [""]}},
        {"weight_decay": DECAY | {"exclude": ["dense/bias"]}},
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


@pytest.mark.parametrize("key", ["rho", "momentum", "epsilon", "centered"])
def test_no_constant_of_rmsprop_has_a_default(train, key):
    train["optimizers"]["critic"] = {k: v for k, v in RMSPROP.items() if k != key}
    with pytest.raises(ValidationError, match=key):
        TrainSettings.model_validate(train)


def test_features_of_the_engine_are_off_unless_they_are_named(train):
    settings = TrainSettings.model_validate(train)
    assert (settings.accumulate, settings.ema, settings.keep_best) == (1, None, None)
    assert (settings.strategy, settings.data_service) == ("one", [])
    assert settings.optimizers["regress"].every == 1
    assert settings.optimizers["regress"].weight_decay is None
    assert settings.optimizers["critic"].schedule.warmup_steps == 0


def test_features_of_the_engine_can_be_named(train):
    train.update(
        accumulate=4,
        ema=EMA,
        keep_best={"metric": "validation/error", "better": "lower"},
        synchronized_batch_norm=False,
        check_finite=False,
        strategy="multiworker",
        cluster="slurm",
        data_service=["grpc://10.0.0.1:5050", "grpc://data-1.local:5050"],
    )
    settings = TrainSettings.model_validate(train)
    assert settings.ema.networks == ["critic"]
    assert settings.keep_best.better == "lower"
    assert settings.data_service[1] == "grpc://data-1.local:5050"


@pytest.mark.parametrize(
    "change",
    [{"networks": []}, {"momentum": 0.0}, {"momentum": 1.0}, {"start_step": -1},
     {"use_for_evaluation": None}, {"decay": 0.9}],
    ids=str,
)  # fmt: skip
def test_an_average_out_of_range_is_refused(train, change):
    train["ema"] = EMA | change
    with pytest.raises(ValidationError, match=next(iter(change))):
        TrainSettings.model_validate(train)


@pytest.mark.parametrize("value", [True, False, "auto"])
def test_xla_is_a_switch_with_a_third_position(train, value):
    train["xla"] = value
    assert TrainSettings.model_validate(train).xla is value


@pytest.mark.parametrize("boundaries", [[3, 3], [5, 3], [1, 2, 2]])
def test_boundaries_that_do_not_increase_are_refused(train, boundaries):
    train["optimizers"]["regress"]["schedule"] = {
        "name": "piecewise",
        "boundaries": boundaries,
        "factors": [0.1] * len(boundaries),
    }
    with pytest.raises(ValidationError) as caught:
        TrainSettings.model_validate(train)
    (error,) = caught.value.errors()
    assert error["loc"][-1] == "boundaries"
    assert error["msg"] == "Boundaries should increase"


@pytest.mark.parametrize("factors", [[], [0.1], [0.1, 0.01, 0.001]])
def test_each_boundary_has_one_factor(train, factors):
    train["optimizers"]["regress"]["schedule"] = {
        "name": "piecewise",
        "boundaries": [3, 5],
        "factors": factors,
    }
    with pytest.raises(ValidationError) as caught:
        TrainSettings.model_validate(train)
    (error,) = caught.value.errors()
    assert error["loc"][-1] == "factors"
    assert error["msg"] == "Factors should be as many as boundaries, 2"


def test_machine_keys_are_settings_with_a_default():
    fields = TrainSettings.model_fields
    assert set(MACHINE_KEYS) <= set(fields)
    assert not any(fields[key].is_required() for key in MACHINE_KEYS)
