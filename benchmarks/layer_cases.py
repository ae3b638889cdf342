"""The custom layers at sizes of their networks, and what each is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from benchmarks import layer_alternatives as alternatives
from benchmarks import naive_layers as naive
from benchmarks.layer_alternatives import FORMULA, formula
from cai_keras.layers.attention_mask import AttentionMask
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
from cai_keras.layers.mask_gate import MaskGate
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

TENSORFLOW = ("tensorflow",)
SAME = "outputs and gradients"


@dataclass(frozen=True)
class Case:
    """One way to use a layer, given to both sides alike.

    Attributes:
        layer, case: names in the table.
        shape: of the inputs, or several shapes for a list of inputs.
        ours, kerass: make the custom layer and its alternative from the arguments.
        alternative: what `kerass` is; by default Keras's layer of this name.
        numbers: inputs are whole numbers from 0 to below it; real ones if None.
        classes: of labels that are given as a second argument.
        same: outputs, where the alternative is known to differentiate otherwise, and
            why.
        backends: those that have the alternative.
        addon: case of tensorflow-addons with the same sizes.
    """

    layer: str
    case: str
    shape: tuple
    ours: Callable[..., keras.layers.Layer]
    kerass: Callable[..., keras.layers.Layer]
    arguments: dict
    alternative: str | None = None
    numbers: int | None = None
    classes: int | None = None
    same: str = SAME
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    addon: str | None = None

    @property
    def other(self) -> str:
        """Name of the alternative."""
        return self.alternative or f"keras.layers.{self.kerass.__name__}"

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return self.shape if isinstance(self.shape[0], tuple) else (self.shape,)


def _normalised(make: Callable[[], keras.layers.Layer]):
    """Makes a spectrally normalised layer of the class that is asked for."""
    return lambda wrapper: lambda: wrapper(make())


_convolution = _normalised(partial(keras.layers.Conv2D, 64, 3))
_SPECTRAL = ("spectral_normalization", "3x3, 64 filters", (16, 32, 32, 64))
_MAPS = (16, 28, 28, 64)

CASES = [
    Case(
        "batch_normalization",
        "training",
        (128, 32, 32, 64),
        BatchNormalization,
        keras.layers.BatchNormalization,
        {"momentum": 0.9, "epsilon": 1e-3},
    ),
    *(
        Case(
            "grouped_conv2d",
            f"3x3, {groups} groups",
            (32, 32, 32, 64),
            GroupedConv2D,
            keras.layers.Conv2D,
            {"filters": 64, "kernel_size": 3, "padding": "same", "groups": groups},
        )
        for groups in (8, 32)
    ),
    Case(
        "conditional_batch_normalization",
        "10 classes",
        (64, 32, 32, 64),
        ConditionalBatchNormalization,
        formula(ConditionalBatchNormalization, naive.conditional_batch_normalization),
        {"classes": 10, "momentum": 0.9, "epsilon": 1e-4},
        FORMULA,
        classes=10,
    ),
    Case(
        *_SPECTRAL,
        _convolution(SpectralNormalization),
        lambda: naive.Formula(
            _convolution(SpectralNormalization)(), naive.spectral_normalization
        ),
        {},
        FORMULA,
        addon="spectral_normalization_convolution",
    ),
    Case(
        *_SPECTRAL,
        _convolution(SpectralNormalization),
        _convolution(keras.layers.SpectralNormalization),
        {},
        "keras.layers.SpectralNormalization",
        same="outputs; its gradient is that of W / sigma, which has taken W's place",
        addon="spectral_normalization_convolution",
    ),
    Case(
        "self_attention2d",
        "pooled keys, spectral",
        (4, 32, 32, 64),
        SelfAttention2D,
        formula(SelfAttention2D, naive.self_attention2d),
        {"gamma_initializer": "ones"},
        FORMULA,
    ),
    *(
        Case(
            "non_local",
            form,
            (4, 28, 28, 64),
            NonLocal,
            formula(NonLocal, naive.non_local),
            # With weights as small as the default's, what stands before the batch
            # normalisation is hardly more than rounding.
            {
                "pairwise": form,
                "gamma_initializer": "ones",
                "kernel_initializer": "glorot_uniform",
            },
            FORMULA,
        )
        for form in PAIRWISE_FORMS
    ),
    *(
        Case(
            "position_attention",
            position,
            (8, 16, 16, 64),
            PositionAttention,
            alternatives.AttentionOfKeras,
            {"position": position, "units": 64},
            "keras.layers.MultiHeadAttention",
            addon="multi_head_attention" if position == "none" else None,
        )
        for position in POSITIONS
    ),
    *(
        Case(
            "spatial_transformer",
            name,
            ((16, 32, 32, 16), (16, len(identity_parameters(name)))),
            SpatialTransformer,
            formula(SpatialTransformer, naive.spatial_transformer),
            {"transform": name},
            FORMULA,
            addon="transform_projective" if name == "projective" else None,
        )
        for name in TRANSFORMS
    ),
    Case(
        "squeeze_excitation",
        "ratio 16",
        (32, 28, 28, 64),
        SqueezeExcitation,
        formula(SqueezeExcitation, naive.squeeze_excitation),
        {"ratio": 16},
        FORMULA,
    ),
    Case(
        "projection_head",
        "100 classes, spectral",
        (64, 1024),
        ProjectionHead,
        formula(ProjectionHead, naive.projection_head),
        {"classes": 100},
        FORMULA,
        classes=100,
    ),
    Case(
        "minibatch_deviation",
        "groups of 4",
        (64, 4, 4, 512),
        MinibatchDeviation,
        formula(MinibatchDeviation, naive.minibatch_deviation),
        {"group_size": 4},
        FORMULA,
    ),
    Case(
        "local_response_normalization",
        "5 channels",
        _MAPS,
        LocalResponseNormalization,
        formula(LocalResponseNormalization, naive.local_response_normalization),
        {"alpha": 0.5},
        FORMULA,
    ),
    Case(
        "local_response_normalization",
        "5 channels",
        _MAPS,
        LocalResponseNormalization,
        alternatives.LocalResponseOfTensorFlow,
        {"alpha": 0.5},
        "tf.nn.local_response_normalization",
        backends=TENSORFLOW,
    ),
    Case(
        "weighted_l1_similarity",
        "pairs",
        ((128, 4096), (128, 4096)),
        WeightedL1Similarity,
        formula(WeightedL1Similarity, naive.weighted_l1_similarity),
        {},
        FORMULA,
    ),
    Case(
        "bilinear_deconvolution",
        "factor 4",
        (2, 32, 32, 19),
        BilinearDeconvolution,
        formula(BilinearDeconvolution, naive.bilinear_deconvolution),
        {"factor": 4},
        FORMULA,
    ),
    Case(
        "bilinear_resize",
        "twice the size",
        (16, 14, 14, 64),
        BilinearResize,
        formula(BilinearResize, naive.bilinear_resize),
        {"height": 28, "width": 28},
        FORMULA,
    ),
    Case(
        "bilinear_resize",
        "twice the size",
        (16, 14, 14, 64),
        BilinearResize,
        alternatives.ResizeOfTensorFlow,
        {"height": 28, "width": 28},
        "tf.raw_ops.ResizeBilinear(align_corners=True)",
        backends=TENSORFLOW,
    ),
    Case(
        "reflection_padding2d",
        "40 pixels",
        (4, 128, 128, 3),
        ReflectionPadding2D,
        formula(ReflectionPadding2D, naive.reflection_padding2d),
        {"padding": 40},
        FORMULA,
    ),
    *(
        Case(
            "attention_mask",
            activation,
            _MAPS,
            AttentionMask,
            alternatives.attention_mask,
            {"activation": activation},
            f"keras.layers.{name}",
        )
        for activation, name in (
            ("mixed", "Activation"),
            ("channel", "UnitNormalization"),
            ("spatial", "GroupNormalization(groups=-1)"),
        )
    ),
    *(
        Case(
            "mask_gate",
            form,
            (_MAPS, _MAPS),
            MaskGate,
            formula(MaskGate, naive.mask_gate),
            {"form": form},
            FORMULA,
        )
        for form in ("naive", "attention_residual")
    ),
    Case(
        "channel_choice",
        "4 of 8 groups",
        (32, 16, 16, 64),
        ChannelChoice,
        formula(ChannelChoice, naive.channel_choice),
        {"count": 4, "size": 8},
        FORMULA,
    ),
    Case(
        "image_preparation",
        "means and deviations",
        (16, 128, 128, 3),
        ImagePreparation,
        alternatives.image_preparation,
        {"mean": [0.4, 0.5, 0.6], "deviation": [0.2, 0.3, 0.25]},
        "keras.layers.Normalization",
    ),
    Case(
        "learned_pictures",
        "4 of 128 x 128",
        (4,),
        LearnedPictures,
        alternatives.learned_pictures,
        {"count": 4, "height": 128, "width": 128},
        "keras.layers.Embedding",
        numbers=4,
    ),
]
