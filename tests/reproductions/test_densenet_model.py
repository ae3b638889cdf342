"""DenseNet's networks, and chains and residual nets of as many parameters."""

import numpy as np
import pytest
from keras import ops

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from reproductions.densenet import evaluate
from reproductions.densenet.model import build_network

PAPER = find_paper("densenet")


def network(scale, variant, *sets):
    recipe = PAPER.recipe(scale, variant, sets=sets)
    side = recipe.data.image_side
    return build_network(recipe.model, (side, side, 3))


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_chain_and_residual_net_have_the_parameters_of_the_dense_net():
    dense, chain, residual = (
        trainable(network("paper", f"cifar10plus_{name}"))
        for name in ("densenet_bc22_k12", "chain22", "resnet20_w8")
    )

    assert dense == 71_686
    assert 1 <= chain / dense <= 1.03
    assert 1 <= residual / dense <= 1.03


@pytest.mark.parametrize(
    ("growth", "width", "least_ratio"), [(4, 4, 2.0), (8, 8, 2.0), (12, 16, 3.7)]
)
def test_residual_nets_have_the_shares_of_parameters_that_claims_name(
    growth, width, least_ratio
):
    dense = trainable(network("small", f"cifar10plus_densenet_bc22_k{growth}"))
    residual = trainable(network("small", f"cifar10plus_resnet20_w{width}"))

    assert least_ratio < residual / dense < least_ratio + 0.3


def test_a_chain_costs_what_the_dense_net_costs():
    dense, chain = (
        evaluate.cost_metrics(network("paper", f"cifar10plus_{name}"))
        for name in ("densenet_bc22_k12", "chain22")
    )

    # 31.2 million multiply-adds by hand from the list of its layers.
    assert dense["multiply_adds_millions"].value == pytest.approx(31.2, abs=0.05)
    ratio = chain["multiply_adds_millions"].value / 31.24
    assert ratio == pytest.approx(1.06, abs=0.01)


def test_every_layer_of_a_chain_reads_the_one_before_it_alone():
    model = network("small", "cifar10plus_chain22")

    reads = {
        f"block{block}_layer{index}_conv1": 24 if block == index == 1 else 14
        for block in (1, 2, 3)
        for index in (1, 2, 3)
    }
    for name, channels in reads.items():
        assert model.get_layer(name).kernel.shape[2] == channels
    assert model.get_layer("logits").kernel.shape == (14, 10)


def test_a_chain_is_silent_where_one_layer_is_silent_and_a_dense_net_is_not():
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    spread = {}
    for name in ("densenet_bc22_k12", "chain22"):
        model = network("small", f"cifar10plus_{name}")
        kernel = model.get_layer("block2_layer2_conv2").kernel
        kernel.assign(ops.zeros_like(kernel))
        logits = ops.convert_to_numpy(model(images))
        spread[name] = np.abs(logits[0] - logits[1]).max()

    assert spread["chain22"] == 0
    assert spread["densenet_bc22_k12"] > 0


def test_dropout_is_in_the_nets_that_are_trained_without_augmentation_only():
    for variant in PAPER.variants:
        recipe = PAPER.recipe("paper", variant)
        augments = recipe.data.in_memory.augment
        assert recipe.model.dropout == (0.0 if augments else 0.2), variant
        assert augments == (variant.partition("_")[0] not in ("cifar10", "cifar100"))


def test_a_net_for_imagenet_has_other_blocks_than_its_depths_where_told_so():
    names = {layer.name for layer in network("small", "imagenet_densenet121").layers}

    last = [f"block{block}_layer2_conv2" in names for block in (1, 2, 3, 4)]
    beyond = [f"block{block}_layer3_conv2" in names for block in (1, 2, 3, 4)]

    assert last == [True] * 4
    assert beyond == [False] * 4


@pytest.mark.parametrize(
    ("variant", "depth", "rule"),
    [
        ("cifar10plus_densenet40_k12", 41, r"3 n \+ 4"),
        ("cifar10plus_densenet_bc22_k12", 25, r"6 n \+ 4"),
        ("cifar10plus_chain22", 4, r"6 n \+ 4"),
        ("cifar10plus_resnet20_w8", 22, r"6 n \+ 2"),
    ],
)
def test_an_impossible_depth_names_what_is_possible(variant, depth, rule):
    with pytest.raises(UsageError, match=rf"expected {rule}, found {depth}"):
        network("small", variant, f"model.depth={depth}")


def test_an_unknown_network_or_depth_is_refused():
    with pytest.raises(UsageError, match=r"model\.network: unknown name 'densest'"):
        network("small", "cifar10plus_chain22", "model.network=densest")
    with pytest.raises(UsageError, match=r"model\.depth: unknown name '122'"):
        network("paper", "imagenet_densenet121", "model.depth=122")
