"""C2D and I3D with non-local blocks: counts, places, identity at the start."""

import keras
import numpy as np
import pytest
from keras import ops

from cai_keras.cli.papers import find_paper
from cai_keras.errors import UsageError
from cai_keras.layers.non_local import NonLocal
from cai_keras.training.optimizers import make_rules
from cai_keras.training.updates import _penalty
from reproductions.non_local.experiment import networks
from reproductions.non_local.learner import ClipLearner
from reproductions.non_local.model import apply_non_local, build_network

PAPER = find_paper("non_local")
TINY = (
    "model.filters=[8,16,16,32]", "data.side=32", "data.frames=8",
    "data.num_classes=5", "model.non_local.initializer=he_normal",
)  # fmt: skip


def tiny(variant, *sets):
    """A ResNet-50 with few filters for 8 frames of 32 x 32 pixels."""
    return build_network(PAPER.recipe("paper", variant, sets=[*TINY, *sets]))


def trainable(network) -> int:
    return sum(int(ops.size(weight)) for weight in network.trainable_weights)


def places(network) -> list[str]:
    return [
        layer.name.removesuffix("_non_local")
        for layer in network.layers
        if isinstance(layer, NonLocal)
    ]


# Counts of parameters


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("c2d_r50", 24_327_632),
        # A block on 1024 channels: 3 (1024 x 512 + 512), 512 x 1024 + 1024, gamma and
        # beta: 2,101,760; Gaussian 1,052,160 without theta and phi; 2,102,784 with w_f.
        ("c2d_r50_nl1", 24_327_632 + 2_101_760),
        ("c2d_r50_nl1_dot", 24_327_632 + 2_101_760),
        ("c2d_r50_nl1_gaussian", 24_327_632 + 1_052_160),
        ("c2d_r50_nl1_concatenation", 24_327_632 + 2_102_784),
        # 132,224 on 256 channels, 526,592 on 512.
        ("c2d_r50_nl1_res2", 24_327_632 + 132_224),
        ("c2d_r50_nl1_res3", 24_327_632 + 526_592),
        ("c2d_r50_nl5", 31_686_096),
        ("c2d_r50_nl5_space", 31_686_096),
        ("c2d_r50_nl5_time", 31_686_096),
        ("c2d_r50_nl10", 39_044_560),
        ("i3d_r50", 28_043_472),
        ("c2d_r101", 43_319_760),
        ("c2d_r101_nl5", 50_678_224),
    ],
)
def test_networks_have_as_many_weights_as_the_papers(variant, expected):
    assert trainable(networks(PAPER.recipe("paper", variant))["network"]) == expected


@pytest.mark.parametrize(
    ("variant", "times"),
    [("i3d_r101_3x3x3", 1.5), ("i3d_r101", 1.2), ("c2d_r101_nl5", 1.2)],
)
def test_networks_are_larger_than_c2d_as_table_2e_says(variant, times):
    network = build_network(PAPER.recipe("paper", variant))

    assert round(trainable(network) / 43_319_760, 1) == times


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_wider_network_has_as_many_weights_as_the_one_with_a_block(scale):
    wide, block = (
        trainable(build_network(PAPER.recipe(scale, variant)))
        for variant in ("image_c2d_wide", "image_nl1")
    )

    assert 1.0 <= wide / block < 1.02


# Structure


def test_maps_have_the_sizes_of_table_1():
    network = tiny("c2d_r50", "data.side=224", "data.frames=32")

    shapes = {
        name: network.get_layer(name).output.shape[1:4]
        for name in ("stem_conv", "stage1_block3_conv3", "stage2_block4_conv3",
                     "stage3_block6_conv3", "stage4_block3_conv3")
    }  # fmt: skip

    assert shapes == {
        "stem_conv": (16, 112, 112),
        "stage1_block3_conv3": (8, 56, 56),
        "stage2_block4_conv3": (4, 28, 28),
        "stage3_block6_conv3": (4, 14, 14),
        "stage4_block3_conv3": (4, 7, 7),
    }


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("c2d_r50_nl1", ["stage3_block5"]),  # before the last of six
        ("c2d_r50_nl1_res2", ["stage1_block2"]),
        ("c2d_r50_nl1_res5", ["stage4_block2"]),
        ("c2d_r50_nl5", ["stage2_block2", "stage2_block4", "stage3_block2",
                         "stage3_block4", "stage3_block6"]),
        ("c2d_r101_nl5", ["stage2_block2", "stage2_block4", "stage3_block7",
                          "stage3_block14", "stage3_block21"]),
        ("c2d_r50_nl10", [f"stage2_block{n}" for n in range(1, 5)]
         + [f"stage3_block{n}" for n in range(1, 7)]),
    ],
)  # fmt: skip
def test_blocks_stand_in_the_places_of_the_paper(variant, expected):
    assert places(tiny(variant)) == expected


def test_ten_blocks_in_resnet_101_are_in_res3_and_res4():
    found = places(tiny("c2d_r101_nl10"))

    assert len(found) == 10
    assert sum(name.startswith("stage2") for name in found) == 4


def test_i3d_inflates_first_kernels_of_every_second_block_after_res2():
    network = tiny("i3d_r50")

    sizes = [
        [network.get_layer(f"stage{s}_block{b}_conv1").kernel.shape[0]
         for b in range(1, count + 1)]
        for s, count in enumerate((3, 4, 6, 3), start=1)
    ]  # fmt: skip

    assert sizes == [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]
    assert network.get_layer("stem_conv").kernel.shape[:3] == (5, 7, 7)


def test_i3d_3x3x3_inflates_the_middle_kernels_instead():
    network = tiny("i3d_r101_3x3x3")

    assert network.get_layer("stage1_block1_conv1").kernel.shape[:3] == (1, 1, 1)
    assert network.get_layer("stage1_block1_conv2").kernel.shape[:3] == (3, 3, 3)


def test_128_frames_train_with_frozen_batch_normalisation():
    network = tiny("c2d_r50_nl5", "model.batch_norm.freeze=true")

    names = {weight.name for weight in network.trainable_weights}

    assert "kernel" in names
    assert not names & {"gamma", "beta"}
    assert PAPER.recipe("paper", "i3d_r50_128_frames").model.batch_norm.freeze


def test_weight_decay_leaves_batch_normalisation_alone():
    recipe = PAPER.recipe("paper", "c2d_r50_nl1", sets=list(TINY))
    network = build_network(recipe)
    learner = ClipLearner({"network": network}, make_rules(recipe.train.optimizers, 10))
    decayed = [
        np.square(np.asarray(weight)).sum()
        for weight in network.trainable_weights
        if weight.name in ("kernel", "bias")
    ]
    left = [w for w in network.trainable_weights if w.name in ("gamma", "beta")]

    assert len(decayed) + len(left) == len(network.trainable_weights)
    penalty = float(_penalty(learner, learner.updates()[0]))
    assert penalty == pytest.approx(0.5 * 1e-4 * sum(decayed), rel=1e-5)


# Identity at the start


def copy_shared_weights(source, target):
    """Gives `target` the weights of `source` in all layers that both have."""
    names = {layer.name for layer in source.layers}
    for layer in target.layers:
        if layer.name in names:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def assert_same_answers(base, with_blocks):
    copy_shared_weights(base, with_blocks)
    shape = base.input_shape[1:]
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    np.testing.assert_array_equal(with_blocks(x), base(x))
    return x


@pytest.mark.parametrize("form", ["", "_gaussian", "_dot", "_concatenation"])
def test_a_picture_network_with_a_new_block_answers_as_without_it(form):
    base, block = (
        build_network(PAPER.recipe("smoke", variant))
        for variant in ("image_c2d", f"image_nl1{form}")
    )

    x = assert_same_answers(base, block)

    np.testing.assert_array_equal(block(x, training=True), base(x, training=True))


@pytest.mark.parametrize("over", ["", "_space", "_time"])
def test_a_video_network_with_a_new_block_answers_as_without_it(over):
    base, block = (
        build_network(PAPER.recipe("smoke", variant))
        for variant in ("c2d_r50", f"c2d_r50_nl5{over}")
    )

    assert_same_answers(base, block)


def test_resnet_50_with_five_new_blocks_answers_as_without_them():
    base, blocks = tiny("c2d_r50"), tiny("c2d_r50_nl5")

    x = assert_same_answers(base, blocks)
    layer = blocks.get_layer("stage3_block2_non_local")
    layer._norm.gamma.assign(np.ones(layer._norm.gamma.shape))

    # With another gamma the same block does something.
    assert not np.array_equal(blocks(x), base(x))


# Space, time and both


@pytest.fixture(scope="module")
def effect_on_others():
    """over -> bool (frames, rows, columns): what a change at (1, 0, 0) changes."""

    def measure(over):
        sets = [f"model.non_local.over={over}", "model.non_local.subsample=false"]
        model = PAPER.recipe("small", "c2d_r50_nl5", sets=sets).model
        inputs = keras.Input((3, 2, 4, 6))
        network = keras.Model(inputs, apply_non_local(inputs, model, "block"))
        layer = network.get_layer("block")
        layer._norm.gamma.assign(np.ones(6))
        # Small enough for no weight of the softmax to vanish.
        x = np.random.default_rng(0).normal(0, 0.3, (2, 3, 2, 4, 6)).astype("float32")
        changed = x.copy()
        changed[0, 1, 0, 0] += 1.0
        difference = np.abs(np.asarray(network(changed)) - np.asarray(network(x)))
        assert difference[1].max() == 0  # the other example
        return difference[0].max(axis=-1) > 0

    return measure


def test_a_spacetime_block_relates_all_positions_of_all_frames(effect_on_others):
    assert effect_on_others("spacetime").all()


def test_a_space_block_relates_the_positions_of_each_frame(effect_on_others):
    expected = np.zeros((3, 2, 4), bool)
    expected[1] = True

    np.testing.assert_array_equal(effect_on_others("space"), expected)


def test_a_time_block_relates_the_frames_at_each_position(effect_on_others):
    expected = np.zeros((3, 2, 4), bool)
    expected[:, 0, 0] = True

    np.testing.assert_array_equal(effect_on_others("time"), expected)


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.depth=34", "model.depth: 34; expected 50 or 101"),
        ("model.non_local.blocks=3", "blocks: 3; expected 0, 1, 5 or 10"),
        ("model.non_local.stage=6", "stage: expected 2, 3, 4 or 5"),
        ("model.inflate=3x3x1", "model.inflate: unknown name '3x3x1'; did you mean"),
        ("data.frames=1", "a picture has no frames; expected none"),
    ],
)
def test_what_the_paper_does_not_have_is_refused(change, message):
    sets = ["model.inflate=3x1x1", "model.non_local.blocks=1", change]
    with pytest.raises(UsageError, match=message):
        build_network(PAPER.recipe("paper", "c2d_r50", sets=sets))
