"""Recipes from `config.yaml`: merging, and errors that say where."""

import copy
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.errors import UsageError
from cai_keras.training.config import (
    Paper,
    Recipe,
    load_paper,
    load_resolved,
    resolved_yaml,
)
from cai_keras.training.merging import fill_defaults, merge
from cai_keras.training.settings import MACHINE_KEYS, TrainSettings
from cai_keras.training.yaml_source import YamlSource


@pytest.fixture
def edited(tiny, tmp_path):
    """Writes the tiny paper with one piece of text replaced, and reads it."""

    def edit(old, new, count=1):
        assert old in tiny.PAPER
        return tiny.write_paper(tmp_path / "tiny", tiny.PAPER.replace(old, new, count))

    return edit


def line_of(paper_text, needle):
    """Line, counted from 1, of the first line that holds `needle`."""
    lines = paper_text.splitlines()
    return next(n for n, line in enumerate(lines, start=1) if needle in line)


def without_defaults(values):
    """A copy without the keys of `train` that the tiny paper leaves to the engine."""
    values = copy.deepcopy(values)
    train = values["train"]
    for key in (
        "accumulate", "ema", "keep_best", "synchronized_batch_norm", "check_finite",
        "xla", "strategy", "cluster", "data_service",
    ):  # fmt: skip
        del train[key]
    regress, critic = train["optimizers"].values()
    for holder, key in (
        (regress, "every"), (regress, "weight_decay"),
        (critic, "every"), (critic["schedule"], "warmup_steps"),
    ):  # fmt: skip
        del holder[key]
    return values


def message_of(call, *arguments, **options):
    with pytest.raises(UsageError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2
    return text


# Merging


def test_the_recipe_is_base_then_scale_then_variant(paper):
    base = paper.recipe("paper", "narrow")
    assert (base.train.steps, base.model.units, base.seeds) == (16, 8, (0, 1))
    assert paper.recipe("small", "narrow").train.steps == 8
    wide = paper.recipe("smoke", "wide")
    assert (wide.train.steps, wide.model.units, wide.seeds) == (4, 16, (0,))
    assert wide.model.dropout == 0.5
    assert wide.train.optimizers["critic"].beta_2 == 0.999


def test_a_variant_wins_over_the_scale(edited):
    paper = edited("wide: {model: {units: 16}}", "wide: {train: {steps: 5}}")
    assert paper.recipe("small", "wide").train.steps == 5


def test_a_variants_own_scale_wins_over_the_variant_at_that_scale_only(edited):
    paper = edited(
        "wide: {model: {units: 16}}",
        "wide: {model: {units: 16}, scales: {small: {model: {units: 5}}}}",
    )
    assert paper.recipe("small", "wide").model.units == 5
    assert paper.recipe("paper", "wide").model.units == 16


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ("{big: {}}", r"variants\.wide\.scales: unknown name 'big'"),
        ("[small]", r"variants\.wide\.scales: expected a mapping"),
        ("{small: {model: {unit: 5}}}", r"scales\.small\.model\.unit: unknown key"),
    ],
)
def test_errors_in_a_variants_own_scale_say_where(edited, scales, message):
    with pytest.raises(UsageError, match=message):
        edited(
            "wide: {model: {units: 16}}",
            "wide: {model: {units: 16}, scales: " + scales + "}",
        ).recipe("small", "wide")


def test_set_wins_over_everything(paper):
    recipe = paper.recipe("small", "wide", sets=["model.units=3", "train.steps=7"])
    assert (recipe.model.units, recipe.train.steps) == (3, 7)
    assert recipe.overrides == ("model.units=3", "train.steps=7")


def test_a_variant_without_a_body_changes_nothing(paper):
    values = paper.recipe("paper", "empty").values
    assert values == paper.recipe("paper", "narrow").values
    assert without_defaults(values) == paper.file.base


def test_lists_are_replaced_and_not_joined(paper):
    recipe = paper.recipe("paper", "narrow", sets=["model.sizes=[7]"])
    assert recipe.model.sizes == [7]


def test_another_name_replaces_a_choice_as_a_whole(paper):
    critic = paper.recipe("paper", "momentum_free").train.optimizers["critic"]
    assert critic.name == "sgd"
    assert not hasattr(critic, "beta_1")


def test_the_same_name_merges_into_the_choice(paper):
    sets = ["train.optimizers.regress={name: sgd, momentum: 0.5}"]
    regress = paper.recipe("paper", "narrow", sets=sets).train.optimizers["regress"]
    assert (regress.momentum, regress.learning_rate) == (0.5, 0.01)


def test_another_name_without_its_parameters_is_incomplete(paper):
    sets = ["train.optimizers.regress.schedule.name=exponential"]
    text = message_of(paper.recipe, "paper", "narrow", sets=sets)
    assert "train.optimizers.regress.schedule.factor: this key is missing" in text


def test_a_null_in_base_takes_any_value(paper):
    sets = ["model.norm={momentum: 0.9}"]
    assert paper.recipe("paper", "narrow", sets=sets).model.norm.momentum == 0.9
    assert paper.recipe("paper", "narrow", sets=["model.norm=x"]).model.norm == "x"


def test_recipes_do_not_change_the_paper(paper):
    before = copy.deepcopy(paper.file.base)
    recipe = paper.recipe("small", "wide", data="folder:x", sets=["model.sizes=[1]"])
    recipe.values["model"]["sizes"].append(9)
    recipe.values["train"]["optimizers"].clear()
    assert paper.file.base == before


def test_a_recipe_cannot_be_changed(paper):
    recipe = paper.recipe("paper", "narrow")
    with pytest.raises(Exception, match="frozen"):
        recipe.model.units = 3


# Defaults of the engine


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("accumulate=4", 4),
        ("xla=true", True),
        ("xla=on", True),
        ("xla=off", False),
        ("xla=auto", "auto"),
        ("strategy=mirrored", "mirrored"),
        ("check_finite=false", False),
        ("data_service=[grpc://a:5050, grpc://b:5050]", ["grpc://a:5050", "grpc://b:5050"]),
    ],
)  # fmt: skip
def test_set_reaches_what_base_does_not_name(paper, text, value):
    recipe = paper.recipe("paper", "narrow", sets=[f"train.{text}"])
    key = text.partition("=")[0]
    assert getattr(recipe.train, key) == recipe.values["train"][key] == value


def test_set_fills_a_null_section_as_a_whole(paper):
    text = (
        "train.ema={networks: [generator], momentum: 0.999, start_step: 0, "
        "use_for_evaluation: true}"
    )
    sets = [
        text,
        "train.ema.momentum=0.5",
        "train.keep_best={metric: a/b, better: lower}",
    ]
    recipe = paper.recipe("paper", "narrow", sets=sets)
    assert recipe.train.ema.networks == ["generator"]
    assert recipe.train.ema.momentum == 0.5
    assert recipe.train.keep_best.metric == "a/b"


def test_a_part_of_a_null_section_is_incomplete(paper):
    sets = ["train.ema.momentum=0.5"]
    text = message_of(paper.recipe, "paper", "narrow", sets=sets)
    assert "train.ema.networks: this key is missing" in text


def test_set_reaches_the_defaults_of_optimizers_and_schedules(paper):
    start = "train.optimizers.critic"
    sets = [
        f"{start}.every=5",
        f"{start}.weight_decay={{kind: l2, rate: 0.1, exclude: [bias]}}",
        f"{start}.schedule.warmup_steps=3",
    ]
    critic = paper.recipe("paper", "narrow", sets=sets).train.optimizers["critic"]
    assert (critic.every, critic.weight_decay.rate) == (5, 0.1)
    assert critic.schedule.warmup_steps == 3


def test_scales_and_variants_reach_what_base_does_not_name(edited):
    paper = edited("narrow: {}", "narrow: {train: {accumulate: 2}}")
    assert paper.recipe("paper", "narrow").train.accumulate == 2
    paper = edited("small: {train: {steps: 8}}", "small: {train: {xla: off}}")
    assert paper.recipe("small", "narrow").train.xla is False


def test_a_choice_that_a_variant_names_has_its_defaults_too(paper):
    sets = ["train.optimizers.critic.every=2"]
    recipe = paper.recipe("paper", "momentum_free", sets=sets)
    assert recipe.train.optimizers["critic"].every == 2
    assert recipe.values["train"]["optimizers"]["critic"]["weight_decay"] is None


def test_what_base_names_wins_over_the_default(edited):
    paper = edited("    log_every: 2", "    log_every: 2\n    accumulate: 3")
    recipe = paper.recipe("paper", "narrow")
    assert recipe.train.accumulate == recipe.values["train"]["accumulate"] == 3


def test_values_hold_every_setting_of_the_engine(paper):
    recipe = paper.recipe("paper", "momentum_free")
    assert recipe.train.model_dump() == recipe.values["train"]


def test_defaults_of_two_recipes_are_not_shared(paper):
    first = paper.recipe("paper", "narrow")
    first.values["train"]["data_service"].append("grpc://a:1")
    second = paper.recipe("paper", "narrow")
    assert second.values["train"]["data_service"] == []
    assert second.train.data_service == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("acumulate=4", "train.acumulate: unknown key; did you mean 'accumulate'?"),
        ("xla=maybe", "--set train.xla=maybe: input should be true, false or auto, "
                      "found 'maybe'"),
        ("strategy=all", "input should be 'one', 'mirrored', 'multiworker' or 'tpu'"),
        ("optimizers.critic.weight_decay=0.1", "input should be a valid dictionary or "
                                               "instance of WeightDecay, found 0.1"),
        ("optimizers.critic.weight_decay={kind: l2, rate: 0.1}",
         "train.optimizers.critic.weight_decay"),
        ("optimizers.critic.every=0", "input should be greater than or equal to 1"),
        ("optimizers.critic.schedule={name: piecewise, boundaries: [2, 1], "
         "factors: [0.1, 0.01]}", "boundaries should increase, found [2, 1]"),
        ("optimizers.critic.schedule={name: piecewise, boundaries: [1, 2], "
         "factors: [0.1]}", "factors should be as many as boundaries, 2, found [0.1]"),
        ("optimizers.critic.schedule={name: step}", "'linear', 'polynomial'"),
    ],
)  # fmt: skip
def test_an_error_of_the_engines_settings_is_one_line(paper, setting, message):
    sets = [f"train.{setting}"]
    text = message_of(paper.recipe, "paper", "narrow", sets=sets)
    assert message in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    "value",
    [5, None, [1], {"steps": 1}, {"optimizers": 5}, {"optimizers": {"a": {}}},
     {"optimizers": {"a": {"name": ["sgd"]}}}, {"optimizers": {"a": None}}, {1: 2}],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_left_to_the_validation(value):
    before = copy.deepcopy(value)
    filled = fill_defaults(TrainSettings, value)
    assert value == before
    if isinstance(value, dict):
        assert {key: filled[key] for key in value} == value
        assert filled["accumulate"] == 1
    else:
        assert filled == value


# Names of runs


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (None, "narrow"),
        ("embedded:glyphs", "narrow@glyphs"),
        ("folder:/a/b c/", "narrow@b_c"),
        ("tfds:cycle_gan/horse2zebra", "narrow@horse2zebra"),
        ("tfds:", "narrow@data"),
    ],
)
def test_a_data_override_is_in_the_run_name(paper, data, name):
    recipe = paper.recipe("paper", "narrow", data=data)
    assert recipe.run_name == name
    assert recipe.overrides == (() if data is None else (f"data.spec={data}",))


# Errors: where, what, nearest


@pytest.mark.parametrize(
    ("old", "new", "where", "nearest"),
    [
        ("    steps_per_call: 3", "    steps_per_cal: 3", "base.train.steps_per_cal",
         "did you mean 'steps_per_call'?"),
        ("small: {train: {steps: 8}}", "small: {train: {stepz: 8}}",
         "scales.small.train.stepz", "did you mean 'steps'?"),
        ("wide: {model: {units: 16}}", "wide: {model: {unit: 16}}",
         "variants.wide.model.unit", "did you mean 'units'?"),
        ("narrow: {}", "narrow: {modle: {}}", "variants.narrow.modle",
         "did you mean 'model'?"),
    ],
    ids=["base", "scale", "variant", "section"],
)  # fmt: skip
def test_an_unknown_key_names_file_line_path_and_nearest(
    edited, tiny, tmp_path, old, new, where, nearest
):
    paper = edited(old, new)
    variant = "wide" if "wide" in new else "narrow"
    text = message_of(paper.recipe, "small", variant)
    line = line_of(tiny.PAPER, old.strip())
    place = f"{tmp_path / 'tiny' / 'config.yaml'}:{line}: {where}"
    assert f"{place}: unknown key; {nearest}" in text


def test_an_unknown_key_in_a_claim_names_it(edited, tiny):
    text = message_of(edited, "tolerance: 0.5", "tolerence: 0.5")
    line = line_of(tiny.PAPER, "tolerance: 0.5")
    assert f"config.yaml:{line}: claims.0.tolerence: unknown key" in text
    assert "did you mean 'tolerance'?" in text


@pytest.mark.parametrize(
    ("setting", "where", "nearest"),
    [
        ("train.stpes=3", "train.stpes", "did you mean 'steps'?"),
        ("modell.units=3", "modell", "did you mean 'model'?"),
        ("model.units.more=3", "model.units", "integer"),
        ("train.optimizers.regress.momentun=0", "regress.momentun", "'momentum'"),
    ],
)
def test_an_unknown_key_in_set_names_the_nearest(paper, setting, where, nearest):
    text = message_of(paper.recipe, "paper", "narrow", sets=[setting])
    assert where in text
    assert nearest in text


@pytest.mark.parametrize("text", ["model.units", "=3", ""])
def test_set_without_key_or_value_is_refused(paper, text):
    assert "expected KEY.PATH=VALUE" in message_of(
        paper.recipe, "paper", "narrow", sets=[text]
    )


@pytest.mark.parametrize(
    "setting",
    ["model.units=1.5", "model.units=many", "model.dropout=true", "model.activation=1",
     "train.deterministic=1", "seeds=0", "data=5", "train=null", "model.sizes=[a]",
     "train.precision=float8", "train.optimizers.critic.learning_rate=-1"],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(paper, setting):
    text = message_of(paper.recipe, "paper", "narrow", sets=[setting])
    assert setting.partition("=")[0] in text


def test_a_wrong_type_names_its_line(edited, tiny):
    paper = edited("wide: {model: {units: 16}}", "wide: {model: {units: wide}}")
    line = line_of(tiny.PAPER, "wide: {model")
    text = message_of(paper.recipe, "paper", "wide")
    assert f"config.yaml:{line}: variants.wide.model.units: " in text
    assert "found 'wide'" in text


def test_a_number_that_yaml_reads_as_text_gets_a_hint(edited):
    paper = edited("learning_rate: 1.0e-2", "learning_rate: 1e-4")
    text = message_of(paper.recipe, "paper", "narrow")
    assert "found '1e-4'" in text
    assert "write 1.0e-4" in text


def test_set_reads_1e_4_as_a_number(paper):
    sets = ["train.optimizers.critic.learning_rate=1e-4"]
    recipe = paper.recipe("paper", "narrow", sets=sets)
    assert recipe.train.optimizers["critic"].learning_rate == 1e-4


def test_a_key_that_stands_twice_names_the_second_line(edited, tiny):
    old = "    steps_factor: 1.0"
    text = message_of(edited, old, f"{old}\n    steps: 3")
    line = line_of(tiny.PAPER, old) + 1
    assert f":{line}: base.train.steps: this key stands twice" in text


@pytest.mark.parametrize("key", ["seeds", "data", "model", "train", "evaluate"])
def test_a_missing_section_of_base_is_named(tiny, tmp_path, key):
    document = yaml.safe_load(tiny.PAPER)
    del document["base"][key]
    text = message_of(tiny.write_paper, tmp_path / "x", yaml.safe_dump(document))
    assert f"base: the key '{key}' is missing" in text


@pytest.mark.parametrize("key", ["spec", "batch_size"])
def test_the_engines_own_data_keys_are_required(tiny, tmp_path, key):
    document = yaml.safe_load(tiny.PAPER)
    del document["base"]["data"][key]
    text = message_of(tiny.write_paper, tmp_path / "x", yaml.safe_dump(document))
    assert f"base.data.{key}: this key is missing" in text


def test_a_missing_key_of_the_engine_is_named(edited):
    paper = edited("    log_every: 2\n", "")
    text = message_of(paper.recipe, "paper", "narrow")
    assert "train.log_every: this key is missing" in text


@pytest.mark.parametrize(
    "section", ["paper", "claims", "figures", "base", "deviations"]
)
def test_a_missing_top_section_is_named(tiny, tmp_path, section):
    document = yaml.safe_load(tiny.PAPER)
    del document[section]
    text = message_of(tiny.write_paper, tmp_path / "x", yaml.safe_dump(document))
    assert f": {section}: this key is missing" in text


def test_a_missing_scale_is_named(edited):
    text = message_of(edited, "  small: {train: {steps: 8}}\n", "")
    assert "scales: 'small' is missing" in text


def test_an_unknown_scale_in_the_file_names_the_nearest(edited):
    text = message_of(edited, "  small: {train", "  smal: {train")
    assert "scales.smal: unknown scale; did you mean 'small'?" in text


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("kind: value, variant: narrow", "kind: value, variant: narow", "claims.0"),
        ("baseline: narrow", "baseline: narow", "claims.1.baseline"),
        ("variant: narrow, network", "variant: narow, network", "networks.0"),
    ],
)
def test_an_unknown_variant_in_a_claim_names_the_nearest(edited, old, new, where):
    text = message_of(edited, old, new)
    assert where in text
    assert "'narow'; did you mean 'narrow'?" in text


def test_two_claims_of_one_id_are_refused(edited):
    text = message_of(edited, "id: width_helps", "id: error")
    assert "the id 'error' stands twice" in text


def test_two_figures_of_one_id_are_refused(edited):
    again = "  - {id: line, of: runs, source: Table 2, caption: Again.}\nbase:"
    text = message_of(edited, "base:", again)
    assert "figures.1: the id 'line' stands twice" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: line", "id: ../line", "figures.0.id: "),
        ("of: run,", "of: paper,", "figures.0.of: input should be 'run' or 'runs'"),
        ("caption: An", "captoin: An", "captoin: unknown key; did you mean 'caption'?"),
        ("caption: An empty square.", "caption: ''", "figures.0.caption: "),
        ("source: Figure 1", "source: Abb. 1", "expected 'Figure 5', a table"),
    ],
)
def test_a_figure_that_is_declared_wrongly_is_named(edited, old, new, message):
    assert message in message_of(edited, old, new)


@pytest.mark.parametrize("source", ["'Figure 7, left'", "Table 2", "'ours: a check'"])
def test_a_figure_is_after_a_place_in_the_paper_or_ours(edited, source):
    (figure,) = edited("source: Figure 1", f"source: {source}").file.figures
    assert figure.source == source.strip("'")


def test_an_unknown_scale_or_variant_names_the_nearest(paper):
    text = message_of(paper.recipe, "smal", "narrow")
    assert "unknown name 'smal'; did you mean 'small'?" in text
    text = message_of(paper.recipe, "small", "narow")
    assert "tiny: variant: unknown name 'narow'; did you mean 'narrow'?" in text


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "5", "[1, 2]", "just words", "null"],
)
def test_a_file_that_is_no_mapping_is_refused(tiny, tmp_path, text):
    message = message_of(tiny.write_paper, tmp_path / "x", text)
    assert "config.yaml:1: expected a mapping" in message


@pytest.mark.parametrize(
    "text",
    ["a: [1, 2", "a: 'b", "a: b: c", "\tb: 1", "a: \x00", "a: !!python/name:os.x 1",
     "a: &a [*a]", "a: 2001-99-99", "a: !!int x", "a: !!bool x", "a: !!float ''",
     "? [a]\n: b"],
)  # fmt: skip
def test_broken_yaml_names_the_file_and_a_line(tiny, tmp_path, text):
    message = message_of(tiny.write_paper, tmp_path / "x", text)
    # An unclosed bracket is noticed where the next line would begin.
    place = f"{tmp_path / 'x' / 'config.yaml'}"
    assert message.startswith((f"{place}:1: ", f"{place}:2: "))


def test_a_missing_file_is_named(tmp_path):
    assert "config.yaml: no such file" in message_of(load_paper, tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"a: \xff\xfe")
    assert "cannot be read" in message_of(load_paper, tmp_path)


@pytest.mark.parametrize("key", ["_units", "model_config", "copy", "1", "model_dump"])
def test_a_key_that_cannot_be_an_attribute_is_refused(edited, key):
    text = message_of(edited, "model: {units: 8", f"model: {{{key}: 8")
    assert f"base.model.{key}: no key may have this name" in text


@pytest.mark.parametrize("key", ["_units", "model_config", "copy", "1"])
def test_such_a_key_is_refused_in_a_mapping_that_fills_a_null(paper, key):
    sets = [f"model.norm={{{key}: 8}}"]
    text = message_of(paper.recipe, "paper", "narrow", sets=sets)
    assert f"model.norm.{key}: no key may have this name" in text


@pytest.mark.parametrize("section", ["data", "model", "evaluate"])
def test_a_section_that_is_no_mapping_is_refused(tiny, tmp_path, section):
    document = yaml.safe_load(tiny.PAPER)
    document["base"][section] = [1]
    text = message_of(tiny.write_paper, tmp_path / "x", yaml.safe_dump(document))
    assert f"base.{section}: expected a mapping, found [1]" in text


def test_a_data_section_that_a_scale_breaks_is_named(edited):
    paper = edited("small: {train: {steps: 8}}", "small: {data: 5}")
    text = message_of(paper.recipe, "small", "narrow", data="folder:x")
    assert "data.batch_size: this key is missing" in text


# The resolved config of a run


def write_resolved(path, recipe, values):
    document = yaml.safe_load(resolved_yaml(recipe, seed=0))
    path.write_text(yaml.safe_dump(document | {"recipe": values}))
    return path


def test_an_older_run_has_the_defaults_of_what_was_added_since(paper, tmp_path):
    recipe = paper.recipe("small", "wide")
    older = without_defaults(recipe.values)
    path = write_resolved(tmp_path / "config.yaml", recipe, older)
    again = load_resolved(path, "tiny")
    assert again.values == recipe.values
    assert again.identity == recipe.identity


def test_an_error_in_a_resolved_config_names_its_own_key_and_line(paper, tmp_path):
    recipe = paper.recipe("paper", "narrow", sets=["train.steps=7"])
    recipe.values["train"]["steps"] = -1
    path = write_resolved(tmp_path / "config.yaml", recipe, recipe.values)
    line = line_of(path.read_text(), "steps: -1")
    text = message_of(load_resolved, path, "tiny")
    assert text.startswith(f"{path}:{line}: recipe.train.steps: input should be")
    assert text.endswith("found -1")


def test_a_missing_key_in_a_resolved_config_names_the_recipe(paper, tmp_path):
    recipe = paper.recipe("paper", "narrow")
    del recipe.values["train"]["log_every"]
    path = write_resolved(tmp_path / "config.yaml", recipe, recipe.values)
    text = message_of(load_resolved, path, "tiny")
    assert "recipe.train.log_every: this key is missing" in text


# Which runs are the same


@pytest.mark.parametrize(
    "setting",
    ["strategy=mirrored", "cluster=slurm", "data_service=['grpc://a:1']", "xla=on"],
)
def test_where_and_how_a_run_is_computed_is_not_its_identity(paper, setting):
    here = paper.recipe("paper", "narrow")
    there = paper.recipe("paper", "narrow", sets=[f"train.{setting}"])
    assert here.values != there.values
    assert here.identity == there.identity


@pytest.mark.parametrize(
    "setting",
    ["train.accumulate=2", "train.steps=3", "train.optimizers.critic.every=2",
     "model.units=3", "data.spec=folder:x", "seeds=[0]", "evaluate.examples=3",
     "train.check_finite=false", "train.precision=mixed_float16"],
)  # fmt: skip
def test_everything_else_is_its_identity(paper, setting):
    other = paper.recipe("paper", "narrow", sets=[setting])
    assert other.identity != paper.recipe("paper", "narrow").identity


def test_identity_leaves_the_values_alone(paper):
    recipe = paper.recipe("paper", "narrow")
    assert not set(MACHINE_KEYS) & set(recipe.identity["train"])
    assert set(MACHINE_KEYS) <= set(recipe.values["train"])


def test_a_resolved_config_gives_the_recipe_back(paper, tmp_path):
    recipe = paper.recipe(
        "small", "wide", data="folder:/x/points", sets=["model.norm=1"]
    )
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(recipe, seed=3))
    again = load_resolved(path, "tiny")
    assert again.values == recipe.values
    assert again.train == recipe.train
    assert again.seeds == recipe.seeds
    assert again.run_name == recipe.run_name == "wide@points"
    assert again.overrides == recipe.overrides
    assert (again.scale, again.variant) == ("small", "wide")
    assert resolved_yaml(again, 3) == path.read_text()


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("seed"),
        lambda document: document.update(more=1),
        lambda document: document.update(recipe=5),
        lambda document: document.update(overrides=5),
        lambda document: document["recipe"].pop("data"),
        lambda document: document["recipe"].update(model=[1]),
        lambda document: document["recipe"]["train"].update(steps="x"),
    ],
)
def test_a_damaged_resolved_config_is_refused(paper, tmp_path, change):
    document = yaml.safe_load(resolved_yaml(paper.recipe("paper", "narrow"), 0))
    change(document)
    path = tmp_path / "resolved.yaml"
    path.write_text(yaml.safe_dump(document))
    assert str(path) in message_of(load_resolved, path, "tiny")


def test_an_empty_resolved_config_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    text = message_of(load_resolved, tmp_path / "config.yaml", "tiny")
    assert "not the resolved config.yaml of a run" in text


# Properties

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
names = st.sampled_from(["name", "a", "b", "c", "d"])
trees = st.dictionaries(
    names,
    st.recursive(
        scalars | st.lists(scalars, max_size=3),
        lambda inner: st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    ),
    max_size=4,
)


def merged(base, layer):
    return merge(base, layer, YamlSource("test", "{}"))


@settings(max_examples=150, deadline=None)
@given(base=trees, layer=trees)
def test_merging_never_changes_its_arguments_and_is_idempotent(base, layer):
    base_before, layer_before = copy.deepcopy(base), copy.deepcopy(layer)
    try:
        once = merged(base, layer)
    except UsageError:
        once = None
    assert base == base_before
    assert layer == layer_before
    if once is not None:
        assert merged(once, layer) == once


@settings(max_examples=50, deadline=None)
@given(base=trees)
def test_merging_nothing_or_itself_changes_nothing(base):
    assert merged(base, {}) == base
    assert merged(base, base) == base


paths = st.sampled_from(
    ["model.units", "data.spec", "data", "train.steps", "train.optimizers.regress",
     "train.optimizers.regress.schedule.name", "train.optimizers", "model.norm",
     "data.crop.name", "seeds", "evaluate"]
)  # fmt: skip
set_texts = st.text(max_size=30) | st.builds(
    "{}={}".format, paths | st.text(max_size=8), st.text(max_size=20)
)


@settings(max_examples=200, deadline=None)
@given(text=set_texts)
def test_any_set_gives_a_recipe_or_a_usage_error(tiny_paper, text):
    try:
        recipe = tiny_paper.recipe("small", "narrow", sets=[text])
    except UsageError:
        return
    assert isinstance(recipe, Recipe)
    assert recipe.run_name


def check_that_it_is_read_or_refused(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            paper = load_paper(Path(folder))
        except UsageError:
            return
    assert isinstance(paper, Paper)
    for scale in paper.file.scales:
        for variant in paper.variants:
            try:
                recipe = paper.recipe(scale, variant, data="folder:x")
            except UsageError:
                continue
            assert recipe.run_name


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_any_text_gives_a_paper_or_a_usage_error(text):
    check_that_it_is_read_or_refused(text)


pieces = st.text(max_size=6) | st.sampled_from(
    ["null", "[]", "{}", "- ", ": ", "{name: x}", "&a ", "*a", "!!int ", "1e-4", "'"]
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_mutation_of_a_config_gives_a_paper_or_a_usage_error(tiny, data):
    text = tiny.PAPER
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 20))
        text = text[:start] + data.draw(pieces) + text[start + length :]
    check_that_it_is_read_or_refused(text)


values = st.recursive(
    scalars | st.floats(), lambda v: st.lists(v, max_size=2) | trees, max_leaves=4
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), value=values)
def test_any_value_anywhere_gives_a_paper_or_a_usage_error(tiny, data, value):
    document = yaml.safe_load(tiny.PAPER)
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(node[key], (dict, list)) and len(node[key])
        if not deeper or data.draw(st.integers(0, 3)) == 0:
            break
        node = node[key]
    node[key] = value
    check_that_it_is_read_or_refused(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def tiny_paper(tiny, tmp_path_factory):
    return tiny.write_paper(tmp_path_factory.mktemp("papers") / "tiny")
