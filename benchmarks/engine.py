"""Training throughput: the engine against bare `tf.function` loops.

    python -m benchmarks.engine [--rounds 12] [--steps 20] [--batch 128]

The small Siamese network of siamese_one_shot on embedded glyphs. All alternatives
train networks of their own, built alike, from pipelines of their own, built alike, and
take turns in one process.

- engine: `StepLoop` with the engine's logging to CSV and TensorBoard after each call.
- bare loop: the usual hand-written `@tf.function` step, called once a batch.
- bare loop in the graph: the same step inside one `tf.function` with many steps.
"""

import argparse
import json
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from benchmarks.timing import interleave, speed_ratio
from cai_keras.cli import papers
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training import engine
from cai_keras.training.run_log import RunLog
from cai_keras.training.step_loop import StepLoop

PAPER, VARIANT = "siamese_one_shot", "conv"


def make_phase(batch: int):
    """The paper's only phase, freshly built."""
    paper = papers.find_paper(PAPER)
    recipe = paper.recipe("small", VARIANT, None, [f"data.batch_size={batch}"])
    engine.set_up_process(recipe, seed=0)
    phase = papers.builder_of(paper)(recipe, 0).phases[0]
    phase.learner.build_optimizers()
    return phase


def engine_call(phase, steps: int, folder: Path):
    """A call as the engine makes it, its logging included."""
    dataset = phase.batches(0)
    loop = StepLoop(phase.learner, dataset.element_spec)
    iterator = iter(dataset)
    log = RunLog(RunFolder(folder), 0)
    done = 0

    def call():
        nonlocal done
        result = loop.run(iterator, steps)
        done += result.steps
        log.scalars("train", done, result.losses)

    return call


def bare_step(phase):
    """The step as one writes it by hand for this network."""
    network = phase.learner.networks["siamese"]
    optimizer = phase.learner.update_optimizers["siamese"]
    variables = network.trainable_variables

    def step(batch):
        with tf.GradientTape() as tape:
            images = batch["images"]
            logits = network((images[:, 0], images[:, 1]), training=True)
            loss = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(batch["same"], logits)
            )
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def bare_call(phase, steps: int):
    """`steps` calls of a compiled step."""
    step = tf.function(bare_step(phase))
    iterator = iter(phase.batches(0))

    def call():
        for _ in range(steps):
            loss = step(next(iterator))
        return float(loss)

    return call


def bare_graph_call(phase, steps: int):
    """One call of a compiled loop of `steps` steps."""
    step = bare_step(phase)
    iterator = iter(phase.batches(0))

    @tf.function
    def many():
        loss = 0.0
        for _ in tf.range(steps):
            loss = step(next(iterator))
        return loss

    return lambda: float(many())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20, help="steps in a round")
    parser.add_argument("--batch", type=int, default=128, help="pairs in a batch")
    parser.add_argument("--json", type=Path, help="write the result there too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = {
            "engine": engine_call(
                make_phase(options.batch), options.steps, Path(folder)
            ),
            "bare loop": bare_call(make_phase(options.batch), options.steps),
            "bare loop in the graph": bare_graph_call(
                make_phase(options.batch), options.steps
            ),
        }
        for call in calls.values():  # compile and fill the pipelines
            call()
            call()
        seconds = interleave(calls, options.rounds)
    images = 2 * options.batch * options.steps
    result = {"backend": keras.backend.backend(), "rounds": options.rounds, "rows": []}
    for name, measured in seconds.items():
        ratio = speed_ratio(measured, seconds["bare loop"])
        speed = images / sorted(measured)[len(measured) // 2]
        result["rows"].append(
            {
                "loop": name,
                "images_per_second": round(speed, 1),
                "over_bare_loop": round(ratio.median, 4),
                "interval_95": [round(ratio.low, 4), round(ratio.high, 4)],
            }
        )
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
