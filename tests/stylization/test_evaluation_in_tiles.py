"""Tiles cover a picture, and give the numbers of the whole one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.stylization.evaluation import TiledPicture, WholePicture, tiles_of
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
)

CONTENT, STYLE = ("conv2_2", "conv3_1"), ("conv1_1", "conv2_1", "conv3_1")


@pytest.fixture(scope="module")
def network():
    return load_feature_network("random_vgg", pooling="average")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def objective(network, convention="johnson", content=0.5, style=2.0, smooth=1e-4):
    settings = ObjectiveSettings(
        LayerTerm(content, CONTENT, convention),
        LayerTerm(style, STYLE, convention),
        smooth,
    )
    return PerceptualObjective(network, settings)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 8), st.integers(0, 8))
def test_inner_parts_share_no_pixel_and_cover_the_picture(height, width, side, margin):
    seen = np.zeros((height, width), int)

    for tile in tiles_of(height, width, 16 * side, 16 * margin):
        seen[tile.inner] += 1
        for inner, outer, size in zip(
            tile.inner, tile.outer, (height, width), strict=True
        ):
            assert outer.start == max(0, inner.start - 16 * margin)
            assert outer.stop == min(size, inner.stop + 16 * margin)

    assert (seen == 1).all()


def test_a_rest_of_half_a_tile_belongs_to_the_last_one():
    rows = [tile.inner[0] for tile in tiles_of(70, 32, 32, 0)]

    assert rows == [slice(0, 32), slice(32, 70)]
    assert len(tiles_of(80, 32, 32, 0)) == 2
    assert len(tiles_of(81, 32, 32, 0)) == 3


@pytest.mark.parametrize(
    ("weights", "size"),
    [
        ({"convention": "gatys"}, (96, 80)),
        ({"convention": "gatys_code"}, (96, 80)),
        ({"convention": "johnson"}, (96, 80)),
        ({"convention": "johnson"}, (101, 75)),
        ({"convention": "gatys"}, (51, 110)),
        ({"style": 0.0}, (70, 90)),
        ({"content": 0.0}, (70, 90)),
        ({"content": 0.0, "style": 0.0}, (70, 90)),
        ({"smooth": 0.0}, (70, 90)),
    ],
)
def test_tiles_give_the_terms_and_the_gradient_of_the_whole_picture(
    network, weights, size
):
    asked = objective(network, **weights)
    picture, content = noise(*size, 3), noise(*size, 3, seed=1)
    style = noise(85, 60, 3, seed=2)

    whole_terms, whole = WholePicture(asked, content, style)(picture)
    tiled_terms, tiled = TiledPicture(asked, content, style, side=32)(picture)

    assert tiled_terms == pytest.approx(whole_terms, rel=2e-4)
    scale = np.abs(whole).max()
    np.testing.assert_allclose(tiled, whole, atol=2e-4 * scale)


def test_another_picture_in_the_same_tiles_is_computed_anew(network):
    asked = objective(network)
    content, style = noise(64, 64, 3), noise(64, 64, 3, seed=1)
    tiled, whole = (
        TiledPicture(asked, content, style, side=32),
        WholePicture(asked, content, style),
    )

    for seed in (2, 3):
        picture = noise(64, 64, 3, seed=seed)
        assert tiled(picture)[0] == pytest.approx(whole(picture)[0], rel=2e-4)


def test_the_gradient_is_the_slope_of_the_weighted_sum(network):
    asked = objective(network, content=1.0, style=5.0, smooth=1e-3)
    content, style = noise(32, 32, 3), noise(32, 32, 3, seed=1)
    picture = noise(32, 32, 3, seed=2)
    evaluate = WholePicture(asked, content, style)
    _, gradient = evaluate(picture)

    # Along the gradient itself: its slope is far above float32's rounding.
    direction = gradient / np.linalg.norm(gradient)
    step = 1e-2
    up, down = (
        float(asked.total(evaluate(picture + sign * step * direction)[0]))
        for sign in (1, -1)
    )

    slope = (up - down) / (2 * step)
    assert slope == pytest.approx(np.linalg.norm(gradient), rel=0.02)
