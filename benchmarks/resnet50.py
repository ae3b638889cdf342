"""ResNet-50 of this project against keras.applications', trained by the same loop.

    python -m cai_keras bench resnet50 [--batch 32] [--side 224] [--rounds 12]

Both have the recipe's learner and optimizer (variant imagenet_resnet50 of resnet), the
same batch, which stays on the device, and the engine's loop; they take turns in one
process. Keras's network has biases in its convolutions and Keras's own batch
normalisation; the operations of both are counted and printed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.configurations import SWITCHES
from benchmarks.costs import COMPUTED_IN
from benchmarks.engine import noise_lines, spread_percent
from benchmarks.timing import speed_ratio
from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow
from cai_keras.cli.output import errors, print_table, say
from cai_keras.errors import UsageError, choose
from cai_keras.reporting.atomic import write_atomic
from cai_keras.training.timing import interleave

OURS, KERAS = "cai_keras", "keras.applications"
_PAPER, _VARIANT, _CLASSES = "resnet", "imagenet_resnet50", 1000
_COLUMNS = {
    "loop": "ResNet-50 of",
    "speed": "Images/s",
    "spread": "Spread",
    "parameters": "Parameters",
    "gflops": "GFLOP an image",
}


def run(
    batch: int = 32,
    side: int = 224,
    rounds: int = 12,
    steps: int = 1,
    precision: str = "float32",
    xla: str = "off",
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Measures, prints both speeds and their ratio, writes JSON where asked for.

    Args:
        batch: images in a batch.
        side: of the images, in pixels.
        rounds: times that each network is measured.
        steps: in one measurement.
        precision: a policy of Keras.
        xla: off or on.
    Raises:
        UsageError: an unknown precision, or no folder for the file.
    """
    choose("--precision", precision, COMPUTED_IN)
    compiled = choose("--xla", xla, SWITCHES)
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json {json_file}: no folder {json_file.parent}")
    load_tensorflow()
    calls, about = _make_calls(batch, side, precision, compiled)
    for name, call in calls.items():
        errors.print(f"{name}: compiling and two steps", highlight=False)
        call(1)
        call(1)
    errors.print(f"{rounds} rounds of {steps} steps", highlight=False)
    seconds = interleave(
        {name: lambda call=call: call(steps) for name, call in calls.items()}, rounds
    )
    result = {
        "machine": _machine(),
        "batch": batch,
        "side": side,
        "steps": steps,
        "precision": precision,
        "xla": compiled,
        **comparison(seconds, batch * steps, about),
    }
    if json_file is not None:
        write_atomic(json_file, json.dumps(result, indent=1) + "\n")
    _print(result)
    return result


def comparison(
    seconds: Mapping[str, Sequence[float]],
    images: int,
    about: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Rows of both networks, and how many times as fast ours is.

    Args:
        seconds: of each measurement, in the order they were made.
        images: in one measurement.
        about: further entries of each row.
    Returns:
        rows; ratio, with ratio_95: its 95 % interval.
    """
    rows = []
    for name, measured in seconds.items():
        middle = sorted(measured)[len(measured) // 2]
        rows.append(
            {
                "network": "resnet50",
                "loop": name,
                "images_per_second": images / middle,
                "spread_percent": spread_percent(measured),
                "seconds": list(measured),
                **about[name],
            }
        )
    ratio = speed_ratio(seconds[OURS], seconds[KERAS])
    return {
        "rows": rows,
        "ratio": ratio.median,
        "ratio_95": [ratio.low, ratio.high],
    }


def _make_calls(batch: int, side: int, precision: str, xla: bool):
    """Name -> call that takes steps; name -> parameters and operations."""
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks.backends import tensorflow_training
    from benchmarks.operations import cost_of_training
    from cai_keras.training.classifier import Classifier
    from cai_keras.training.experiment import Phase
    from cai_keras.training.optimizers import make_rules
    from cai_keras.training.preparation import set_up_process

    paper = papers.find_paper(_PAPER)
    sets = [
        f"data.batch_size={batch}", f"data.image_side={side}",
        f"train.precision={precision}", "train.deterministic=false",
    ]  # fmt: skip
    recipe = paper.recipe("paper", _VARIANT, None, sets)
    set_up_process(recipe, 0)
    rng = np.random.default_rng(0)
    images = {
        "image": rng.random((batch, side, side, 3), np.float32),
        "label": rng.integers(_CLASSES, size=batch, dtype=np.int32),
    }

    def ours():
        return papers.networks_of(paper)(recipe)["classifier"]

    def theirs():
        inputs = keras.Input((side, side, 3))
        network = keras.applications.ResNet50(
            weights=None, input_tensor=inputs, classifier_activation=None
        )
        # Logits in float32, as ours: cross-entropy needs them.
        return keras.Model(inputs, keras.ops.cast(network.output, "float32"))

    calls, about = {}, {}
    for name, build in ((OURS, ours), (KERAS, theirs)):
        rules = make_rules(recipe.train.optimizers, recipe.train.total_steps)
        learner = Classifier({"classifier": build()}, rules)
        learner.build_optimizers()
        phase = Phase(learner, lambda first: None, recipe.train.total_steps, batch)
        calls[name] = tensorflow_training.make_call(
            phase, recipe.train, images, xla, tf.distribute.get_strategy()
        )
        cost = cost_of_training(learner, images)
        about[name] = {
            "parameters": cost.parameters,
            "sample_flops": cost.sample_flops,
        }
    return calls, about


def _machine() -> dict[str, Any]:
    from cai_keras.training.machine import describe_machine

    return describe_machine().model_dump()


def _print(result: Mapping[str, Any]) -> None:
    title = (
        f"{result['machine']['cpu']}; batch {result['batch']} of {result['side']} x "
        f"{result['side']}, {result['precision']}"
    )
    cells = [
        {
            "loop": row["loop"],
            "speed": f"{row['images_per_second']:,.2f}",
            "spread": f"{row['spread_percent']:.1f} %",
            "parameters": row["parameters"],
            "gflops": f"{row['sample_flops'] / 1e9:.2f}",
        }
        for row in result["rows"]
    ]
    print_table(_COLUMNS, cells, title)
    low, high = result["ratio_95"]
    say(
        f"{OURS} over {KERAS}: {result['ratio']:.3f} [{low:.3f}, {high:.3f}] "
        "(median of paired ratios, 95 %)"
    )
    for line in noise_lines(result["rows"]):
        say(line)
