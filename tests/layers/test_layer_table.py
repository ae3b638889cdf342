"""Every public layer of the library through the same checks."""

import importlib
import importlib.util
import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

import cai_keras.layers
from cai_keras.layers.attention_mask import MASK_ACTIVATIONS, AttentionMask
from cai_keras.layers.batch_normalization import BatchNormalization
from cai_keras.layers.bilinear_deconvolution import BilinearDeconvolution
from cai_keras.layers.bilinear_resize import BilinearResize
from cai_keras.layers.channel_choice import ChannelChoice
from cai_keras.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from cai_keras.layers.grouped_conv2d import GroupedConv2D
from cai_keras.layers.image_preparation import ImagePreparation
from cai_keras.layers.learned_pictures import LearnedPictures
from cai_keras.layers.local_response_normalization import LocalResponseNormalization
from cai_keras.layers.mask_gate import GATES, MaskGate
from cai_keras.layers.minibatch_deviation import MinibatchDeviation
from cai_keras.layers.non_local import PAIRWISE_FORMS, NonLocal
from cai_keras.layers.position_attention import POSITIONS, PositionAttention
from cai_keras.layers.projection_head import ProjectionHead
from cai_keras.layers.reflection_padding2d import ReflectionPadding2D
from cai_keras.layers.self_attention2d import SelfAttention2D
from cai_keras.layers.spatial_transformer import (
    TRANSFORMS,
    SpatialTransformer,
    identity_parameters,
)
from cai_keras.layers.spectral_normalization import SpectralNormalization
from cai_keras.layers.squeeze_excitation import SqueezeExcitation
from cai_keras.layers.weighted_l1_similarity import WeightedL1Similarity


@dataclass(frozen=True)
class Row:
    """One way to use a layer; several shapes are passed as one list of inputs.

    Inputs are real numbers, or whole ones from 0 to below `numbers`; with `classes`
    the layer has a second argument, labels, whole numbers from 0 to below `classes`.
    `inner` makes the layer that a wrapper wraps.
    """

    layer: type
    arguments: dict
    shapes: tuple[tuple[int, ...], ...]
    numbers: int | None = None
    classes: int | None = None
    inner: Callable | None = None

    def make(self, **more):
        if self.inner is None:
            return self.layer(**self.arguments, **more)
        dtype = {"dtype": more["dtype"]} if "dtype" in more else {}
        return self.layer(self.inner(**dtype), **self.arguments, **more)

    def inputs(self, seed=0):
        rng = np.random.default_rng(seed)
        if self.numbers is not None:
            return rng.integers(self.numbers, size=self.shapes[0], dtype="int32")
        arrays = [rng.normal(size=s).astype("float32") for s in self.shapes]
        return arrays if len(arrays) > 1 else arrays[0]

    def labels(self, seed=0):
        """Positional arguments after the inputs."""
        if self.classes is None:
            return ()
        rng = np.random.default_rng([seed, 1])
        count = self.shapes[0][0]
        # Every class at least once, where there is room: each has weights.
        return (rng.permutation(np.arange(count) % self.classes).astype("int32"),)

    @property
    def input_shape(self):
        return list(self.shapes) if len(self.shapes) > 1 else self.shapes[0]


TABLE = {
    "local_response_normalization": Row(
        LocalResponseNormalization,
        {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 2.0},
        ((2, 4, 4, 6),),
    ),
    "weighted_l1_similarity": Row(
        WeightedL1Similarity,
        {"kernel_regularizer": "l2", "bias_initializer": "ones"},
        ((4, 6), (4, 6)),
    ),
    "weighted_l1_similarity_broadcast": Row(
        WeightedL1Similarity, {}, ((2, 3, 1, 5), (2, 1, 4, 5))
    ),
    "batch_normalization_images": Row(
        BatchNormalization, {"momentum": 0.9, "epsilon": 1e-3}, ((2, 4, 4, 3),)
    ),
    "batch_normalization_vectors": Row(
        BatchNormalization, {"momentum": 0.9, "epsilon": 1e-3}, ((6, 3),)
    ),
    "conditional_batch_normalization_images": Row(
        ConditionalBatchNormalization,
        {"classes": 2, "momentum": 0.9, "epsilon": 1e-4},
        ((4, 3, 3, 5),),
        classes=2,
    ),
    "conditional_batch_normalization_vectors": Row(
        ConditionalBatchNormalization,
        {"classes": 2, "momentum": 0.9, "epsilon": 1e-4},
        ((6, 5),),
        classes=2,
    ),
    "minibatch_deviation": Row(MinibatchDeviation, {}, ((4, 2, 3, 5),)),
    "minibatch_deviation_groups": Row(
        MinibatchDeviation, {"group_size": 2}, ((4, 2, 3, 5),)
    ),
    **{
        f"projection_head_{name}": Row(
            ProjectionHead,
            {"classes": 3, "use_spectral_norm": is_normalised},
            ((6, 5),),
            classes=3,
        )
        for name, is_normalised in (("plain", False), ("spectral", True))
    },
    "self_attention2d": Row(
        # Its gradients would be zero where gamma is.
        SelfAttention2D,
        {"gamma_initializer": "ones", "max_entries": 40},
        ((2, 4, 6, 16),),
    ),
    "self_attention2d_plain": Row(
        SelfAttention2D,
        {"gamma_initializer": "ones", "pool_keys": False, "use_spectral_norm": False},
        ((2, 3, 5, 16),),
    ),
    "spectral_normalization_dense": Row(
        SpectralNormalization, {}, ((4, 5),), inner=partial(keras.layers.Dense, 3)
    ),
    "spectral_normalization_convolution": Row(
        SpectralNormalization,
        {},
        ((2, 5, 5, 3),),
        inner=partial(keras.layers.Conv2D, 4, 3, activation="relu"),
    ),
    "spectral_normalization_transposed": Row(
        SpectralNormalization,
        {},
        ((2, 3, 3, 4),),
        inner=partial(keras.layers.Conv2DTranspose, 5, 3, 2),
    ),
    "spectral_normalization_embedding": Row(
        SpectralNormalization,
        {},
        ((6,),),
        numbers=4,
        inner=partial(keras.layers.Embedding, 4, 3),
    ),
    "channel_choice": Row(ChannelChoice, {"count": 4, "size": 2}, ((2, 3, 3, 6),)),
    "image_preparation": Row(
        ImagePreparation,
        {"mean": [0.1, 0.2], "deviation": [0.5, 2.0], "reverse_channels": True},
        ((2, 3, 3, 2),),
    ),
    "learned_pictures": Row(
        LearnedPictures, {"count": 3, "height": 2, "width": 4}, ((5,),), numbers=3
    ),
    "grouped_conv2d": Row(
        GroupedConv2D, {"filters": 6, "kernel_size": 3, "groups": 2}, ((2, 5, 5, 4),)
    ),
    "grouped_conv2d_one_channel_each": Row(
        GroupedConv2D,
        {"filters": 8, "kernel_size": 3, "groups": 4, "strides": 2, "padding": "same"},
        ((2, 5, 5, 4),),
    ),
    **{
        f"non_local_{form}": Row(
            NonLocal,
            # Its gradients would be zero where gamma is.
            {"pairwise": form, "gamma_initializer": "ones", "max_entries": 40},
            ((2, 4, 6, 4),),
        )
        for form in PAIRWISE_FORMS
    },
    "non_local_video": Row(
        NonLocal,
        {"gamma_initializer": "ones", "scale_logits": True},
        ((2, 3, 4, 4, 4),),
    ),
    "non_local_sequence": Row(
        NonLocal,
        {"inner_channels": 3, "subsample": False, "gamma_initializer": "ones"},
        ((2, 5, 4),),
    ),
    "squeeze_excitation": Row(
        SqueezeExcitation, {"ratio": 2, "min_units": 4}, ((2, 3, 5, 6),)
    ),
    **{
        f"spatial_transformer_{name}": Row(
            SpatialTransformer,
            {"transform": name, "output_size": (3, 4), "border": "reflect"},
            ((2, 5, 5, 2), (2, len(identity_parameters(name)))),
        )
        for name in TRANSFORMS
    },
    **{
        f"position_attention_{name}": Row(
            PositionAttention, {"position": name, "units": 6}, ((2, 3, 4, 8),)
        )
        for name in POSITIONS
    },
    "bilinear_deconvolution": Row(
        BilinearDeconvolution, {"factor": 2}, ((2, 4, 3, 5),)
    ),
    "bilinear_resize": Row(BilinearResize, {"height": 7, "width": 2}, ((2, 4, 3, 5),)),
    "reflection_padding2d": Row(
        ReflectionPadding2D, {"padding": ((1, 2), (0, 3))}, ((2, 4, 5, 3),)
    ),
    **{
        f"attention_mask_{name}": Row(
            AttentionMask, {"activation": name}, ((2, 4, 3, 5),)
        )
        for name in MASK_ACTIVATIONS
    },
    **{
        f"mask_gate_{name}": Row(MaskGate, {"form": name}, ((2, 3, 4, 5), (2, 3, 4, 5)))
        for name in GATES
    },
}
every_layer = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())


def registered_layers():
    """Classes in the modules of `cai_keras.layers` that Keras can load by name."""
    found = set()
    for info in pkgutil.walk_packages(cai_keras.layers.__path__, "cai_keras.layers."):
        module = importlib.import_module(info.name)
        for _, value in inspect.getmembers(module, inspect.isclass):
            name = keras.saving.get_registered_name(value)
            if value.__module__ == info.name and name.startswith("cai_keras>"):
                found.add(value)
    return found


def test_the_table_has_every_registered_layer():
    assert {row.layer for row in TABLE.values()} == registered_layers()


@every_layer
def test_output_has_the_computed_shape(row):
    layer = row.make()
    outputs = layer(row.inputs(), *row.labels())
    shapes = [row.input_shape, *(labels.shape for labels in row.labels())]
    assert tuple(outputs.shape) == tuple(layer.compute_output_shape(*shapes))


@every_layer
def test_a_layer_made_from_its_config_gives_equal_outputs(row):
    layer = row.make()
    expected = layer(row.inputs(), *row.labels())
    config = layer.get_config()
    copy = row.layer.from_config({**config})  # wrappers of Keras take theirs apart
    copy(row.inputs(), *row.labels())
    copy.set_weights(layer.get_weights())
    found = copy(row.inputs(), *row.labels())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected)
    )
    assert copy.get_config() == config


@every_layer
def test_a_saved_model_loads_in_safe_mode_with_equal_outputs(row, tmp_path):
    dtype = "float32" if row.numbers is None else "int32"
    inputs = [
        keras.Input(shape[1:], batch_size=shape[0], dtype=dtype) for shape in row.shapes
    ]
    one_or_all = inputs if len(inputs) > 1 else inputs[0]
    labels = [
        keras.Input(given.shape[1:], batch_size=given.shape[0], dtype="int32")
        for given in row.labels()
    ]
    model = keras.Model(
        [one_or_all, *labels] if labels else one_or_all,
        row.make()(one_or_all, *labels),
    )
    given = [row.inputs(), *row.labels()] if labels else row.inputs()
    expected = ops.convert_to_numpy(model(given))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    found = ops.convert_to_numpy(loaded(given))
    np.testing.assert_array_equal(found, expected)


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_finite_outputs_and_float32_weights(row, policy):
    layer = row.make(dtype=policy)
    for training in (True, False):
        arguments = training_argument(layer, training)
        outputs = layer(row.inputs(), *row.labels(), **arguments)
        outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))
        assert np.isfinite(outputs).all()
    # A choice of channels is a whole number.
    dtypes = {weight.dtype for weight in layer.weights}
    assert {dtype for dtype in dtypes if "float" in dtype} <= {"float32"}


@every_layer
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"
)
def test_a_gradient_reaches_every_trainable_weight(row):
    import tensorflow as tf

    layer = row.make()
    layer(row.inputs(), *row.labels())
    variables = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        inputs = tf.nest.map_structure(tf.constant, row.inputs())
        if not variables:  # a layer without weights passes gradients on
            variables = tf.nest.flatten(inputs)
            tape.watch(variables)
        outputs = layer(inputs, *row.labels(), **training_argument(layer, True))
        factors = np.random.default_rng(1).normal(size=outputs.shape)
        total = ops.sum(outputs * factors.astype("float32"))
    gradients = tape.gradient(total, variables)
    for gradient in gradients:
        assert gradient is not None
        gradient = tf.convert_to_tensor(gradient)  # an embedding's comes in slices
        assert np.isfinite(gradient).all()
        assert np.any(gradient != 0)


@every_layer
def test_an_unknown_argument_is_refused(row):
    with pytest.raises((TypeError, ValueError), match="not_an_argument"):
        row.make(not_an_argument=1)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_checks_pass_on_another_keras_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    if keras.backend.backend() == backend:
        pytest.skip("this is that backend")
    command = [sys.executable, "-m", "pytest", "-q", __file__, "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, "-k", "shape or equal_outputs or mixed"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-3000:]


def training_argument(layer, training):
    known = "training" in inspect.signature(layer.call).parameters
    return {"training": training} if known else {}
