"""AlexNet: the numbers of its prototxt, layer by layer."""

import pytest
from parameter_counts import trainable_parameters

from cai_keras.networks.alexnet import build_alexnet
from cai_keras.training.multiply_adds import count_multiply_adds


@pytest.mark.parametrize(("groups", "expected"), [(2, 60_965_224), (1, 62_378_344)])
def test_parameters_are_those_of_the_layers(groups, expected):
    # In two groups: 34,944 + 307,456 + 885,120 + 663,936 + 442,624, and dense
    # 37,752,832 + 16,781,312 + 4,097,000.
    assert trainable_parameters(build_alexnet(groups=groups)) == expected


def test_the_cost_is_the_one_worked_out_by_hand():
    # Numbers of each kernel, times the places it visits.
    convolutions = (
        55**2 * 11 * 11 * 3 * 96
        + 27**2 * 5 * 5 * 48 * 256
        + 13**2 * (9 * 256 * 384 + 9 * 192 * 384 + 9 * 192 * 256)
    )
    dense = 9216 * 4096 + 4096 * 4096 + 4096 * 1000

    assert count_multiply_adds(build_alexnet()) == convolutions + dense
    assert round((convolutions + dense) / 1e9, 3) == 0.724


def test_maps_shrink_as_in_the_paper():
    network = build_alexnet()

    sizes = [network.get_layer(f"conv{n}").output.shape[1] for n in range(1, 6)]
    assert sizes == [55, 27, 13, 13, 13]
