"""What a test compares between Keras backends, on the backend of this process.

backend_run.py gradients OUT.npz   slopes of small functions
backend_run.py wgan FOLDER         three steps of two players, and their files
backend_run.py siamese FOLDER      `cai train`, and the files of another run
"""

import contextlib
import io
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import layers, ops

from cai_keras.training.input_gradient import input_gradients

STEPS, BATCH = 3, 6


# Slopes


def slopes_of(function, x):
    return ops.convert_to_numpy(ops.stop_gradient(input_gradients(function, x)))


def derivative(function, w):
    """d function(w) / dw by the backend itself."""
    backend = keras.backend.backend()
    w = ops.convert_to_tensor(w)
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(w))
    if backend == "torch":
        import torch

        w = w.detach().requires_grad_()
        return torch.autograd.grad(function(w), w)[0].cpu().numpy()
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(w)
        value = function(w)
    return tape.gradient(value, w).numpy()


def gradients() -> dict[str, np.ndarray]:
    """Slopes, and derivatives of penalties on slopes, by name."""
    x = ops.convert_to_tensor(np.array([[1.0, 2.0], [3.0, -1.0]], "float32"))
    two = ops.convert_to_tensor(np.array([[2.0]], "float32"))

    def norm_penalty(w):
        """(|w| - 1)^2, the mean over two examples of D(x) = w x."""
        slopes = input_gradients(lambda x: ops.sum(w * x, axis=1), x)
        norm = ops.sqrt(ops.sum(ops.square(slopes), axis=1))
        return ops.mean(ops.square(norm - 1.0))

    def cubic_penalty(w):
        """(3 w x^2 - 1)^2 at x = 2, of D(x) = w x^3."""
        slopes = input_gradients(lambda x: w * x**3, two)
        return ops.sum(ops.square(slopes - 1.0))

    def through_the_input(w):
        """3 (w z)^2 at z = 2, of D(x) = x^3 and x = w z."""
        return ops.sum(input_gradients(lambda x: x**3, w * two))

    return {
        "cubes": slopes_of(lambda x: ops.sum(x**3, axis=1), x),
        "two_outputs": slopes_of(lambda x: ops.concatenate([x**2, 5 * x], 1), x),
        "float16": slopes_of(lambda x: x**2, ops.cast(x, "float16")),
        "norm_penalty": derivative(norm_penalty, np.array([3.0, 4.0], "float32")),
        "cubic_penalty": derivative(cubic_penalty, np.float32(0.5)),
        "through": derivative(through_the_input, np.float32(3.0)),
    }


# A WGAN-GP


def make_networks() -> dict[str, keras.Model]:
    from cai_keras.layers.batch_normalization import BatchNormalization

    z = keras.Input((4,), name="z")
    # A bias before batch normalisation has no gradient but rounding noise, of which
    # Adam would make whole steps.
    h = layers.Dense(16, activation="relu", use_bias=False, name="hidden")(z)
    h = BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")(h)
    h = layers.Dropout(0.0, name="dropout")(h)
    generator = keras.Model(z, layers.Dense(3, name="out")(h), name="generator")
    x = keras.Input((3,), name="x")
    h = layers.Dense(16, activation="tanh", name="hidden")(x)
    critic = keras.Model(x, layers.Dense(1, name="out")(h), name="critic")
    return {"generator": generator, "critic": critic}


def write_given(path: Path) -> None:
    """Weights and batches for `wgan`."""
    rng = np.random.default_rng(0)
    given = {
        f"{name}/{index}": 0.5 * rng.normal(size=weight.shape)
        for name, network in make_networks().items()
        for index, weight in enumerate(network.trainable_weights)
    }
    given["x"] = 2 + rng.normal(size=(STEPS, BATCH, 3))
    given["z"] = rng.normal(size=(STEPS, BATCH, 4))
    given["mix"] = rng.uniform(size=(STEPS, BATCH))
    np.savez(path, **{k: v.astype("float32") for k, v in given.items()})


def make_learner(given):
    """Two players, a penalty, a due date, averages, micro-batches and clipping."""
    from cai_keras.training.learner import Learner, Update
    from cai_keras.training.optimizers import UpdateRule

    class Wasserstein(Learner):
        def updates(self):
            weights = {"penalty": 10.0}
            return [
                Update("critic", ("critic",), self.critic_losses, weights),
                Update("generator", ("generator",), self.generator_losses),
            ]

        def critic_losses(self, batch):
            critic = self.networks["critic"]
            fake = self.networks["generator"](batch["z"], training=True)
            mix = batch["mix"][:, None]
            mixed = mix * batch["x"] + (1 - mix) * fake
            slopes = input_gradients(lambda x: critic(x, training=True), mixed)
            norm = ops.sqrt(ops.sum(ops.square(slopes), axis=1))
            gap = critic(fake, training=True) - critic(batch["x"], training=True)
            return {"gap": gap[:, 0], "penalty": ops.square(norm - 1)}

        def generator_losses(self, batch):
            fake = self.networks["generator"](batch["z"], training=True)
            return {"score": -self.networks["critic"](fake, training=True)[:, 0]}

    networks = make_networks()
    for name, network in networks.items():
        for index, weight in enumerate(network.trainable_weights):
            weight.assign(given[f"{name}/{index}"])
    adam = keras.optimizers.Adam
    rules = {
        "critic": UpdateRule(adam(0.01, beta_1=0.5, global_clipnorm=0.5, name="a")),
        "generator": UpdateRule(adam(0.01, beta_1=0.5, name="b"), every=2),
    }
    learner = Wasserstein(networks, rules, name="learner")
    learner.keep_averages(("generator",), 0.9, 1)
    learner.accumulate = 2
    learner.build_optimizers()
    return learner


def train(given) -> tuple[dict[str, np.ndarray], dict[str, keras.Model]]:
    """All state and losses after three steps, by name, and the networks."""
    keras.backend.clear_session()  # names begin to count at 0
    learner = make_learner(given)
    batches = {name: given[name] for name in ("x", "z", "mix")}
    if keras.backend.backend() == "jax":
        from cai_keras.training.jax_loop import JaxStepLoop

        stream = ({n: v[step] for n, v in batches.items()} for step in range(STEPS))
        result = JaxStepLoop(learner, BATCH).run(stream, STEPS)
    else:
        import tensorflow as tf

        from cai_keras.training.step_loop import StepLoop

        dataset = tf.data.Dataset.from_tensor_slices(batches)
        loop = StepLoop(learner, dataset.element_spec, None, BATCH)
        result = loop.run(iter(dataset), STEPS)
    state = {n: ops.convert_to_numpy(v) for n, v in learner.state().items()}
    losses = {f"losses/{name}": np.array(v) for name, v in result.losses.items()}
    return {**state, **losses}, learner.networks


def outputs_of(network) -> np.ndarray:
    """Outputs for five examples; a Siamese network compares them with the first."""
    is_siamese = hasattr(network, "encoder")
    shape = (network.encoder if is_siamese else network).input_shape
    x = np.random.default_rng(1).random((5, *shape[1:]), "float32")
    pair = (np.repeat(x[:1], 5, axis=0), x)
    return ops.convert_to_numpy(network(pair if is_siamese else x))


def export(network, folder: Path) -> None:
    """Writes a network in both formats, and its outputs."""
    folder.mkdir(parents=True)
    network.save(folder / "network.keras")
    network.save_weights(folder / "network.weights.h5")
    np.save(folder / "outputs.npy", outputs_of(network))


def outputs_from_files(folder: Path) -> dict[str, np.ndarray]:
    """Outputs of the network in each of its files, on this backend."""
    network = keras.saving.load_model(folder / "network.keras")
    found = {"keras": outputs_of(network)}
    for weight in network.weights:
        weight.assign(np.zeros(weight.shape))
    network.load_weights(folder / "network.weights.h5")
    return {**found, "h5": outputs_of(network)}


def wgan(folder: Path) -> None:
    """Trains from FOLDER/given.npz; reads the network that another backend left."""
    results, networks = train(np.load(folder / "given.npz"))
    modules = [name for name in ("tensorflow", "jax") if name in sys.modules]
    np.savez(folder / "results.npz", modules=modules, **results)
    export(networks["generator"], folder / "files")
    np.savez(folder / "read.npz", **outputs_from_files(folder / "other_files"))


# Runs of the command line


def cai(*arguments) -> tuple[int, str]:
    """Exit code and standard error of `cai ARGUMENTS` in this process."""
    from cai_keras.cli.main import main

    errors = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["cai", *map(str, arguments)]),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as end:
            return end.code or 0, errors.getvalue()
    return 0, errors.getvalue()


def train_siamese(output: Path) -> None:
    """A smoke run of `cai train siamese_one_shot`."""
    which = ("siamese_one_shot", "--scale", "smoke", "--variant", "conv")
    code, errors = cai("train", *which, "--output", output)
    assert code == 0, errors


def run_in(folder: Path) -> Path:
    """The only run below a folder."""
    (path,) = folder.rglob("record.json")
    return path.parent


def export_siamese(run: Path, folder: Path) -> None:
    """See `export`; of the network that the engine left in a run."""
    export(keras.saving.load_model(run / "checkpoints" / "siamese.keras"), folder)


def siamese(folder: Path) -> None:
    """A run here; and the files of the run in FOLDER/other, read and evaluated here."""
    train_siamese(folder / "here")
    export_siamese(run_in(folder / "here"), folder / "files")
    np.savez(folder / "read.npz", **outputs_from_files(folder / "other_files"))
    code, errors = cai("evaluate", run_in(folder / "other"))
    assert code == 0, errors


def main(command: str, path: str) -> None:
    commands = {
        "gradients": lambda path: np.savez(path, **gradients()),
        "wgan": wgan,
        "siamese": siamese,
    }
    commands[command](Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
