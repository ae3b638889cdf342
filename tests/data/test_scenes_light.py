"""Paints, light and shadows of scenes: albedo, shading and image by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_models import AHEAD, is_inside, lamp, plain, scene_of, sphere

from cai_keras.data.scenes.example import Settings, render, render_view
from cai_keras.data.scenes.light import albedo_at, light_up, to_linear, to_srgb
from cai_keras.data.scenes.sampling import random_example
from cai_keras.data.scenes.scene import Paint
from cai_keras.data.scenes.view import compose, look

SEEDS = st.integers(0, 2**32 - 1)
FLOOR, FRONT = 4, 3  # numbers of the room's faces
UP = np.array([[0.0], [0.0], [1.0]])


def column(*values):
    return np.array([values], float).T


def lit(scene, point, to_camera=UP):
    return light_up(scene, column(*point), UP, np.array([FLOOR]), to_camera)


# The identity


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_image_is_albedo_times_shading_plus_specular_to_the_last_bit(seed):
    example = render(seed, Settings(side=32))

    linear = compose(example["albedo"], example["shading"], example["specular"])

    np.testing.assert_array_equal(example["rgb"], to_srgb(linear))
    assert linear.max() <= 1  # nothing is cut off


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_shading_is_ambient_light_and_what_of_the_lamp_is_not_in_shadow(seed):
    example = render(seed, Settings(side=32))

    is_lit = 1.0 - example["shadow"]
    lamp_light = is_lit * example["direct"] * example["light_colour"]

    expected = example["ambient_light"] + lamp_light
    np.testing.assert_allclose(example["shading"], expected, atol=1e-3)


def test_without_tint_shading_is_grey():
    shading = render(3, Settings(tint=0.0))["shading"]

    np.testing.assert_array_equal(shading, np.repeat(shading[..., :1], 3, axis=-1))


def test_the_image_is_the_rounded_srgb_of_linear_light():
    # IEC 61966-2-1: 0.5 -> 0.7354; 0.002 is on the linear part: 12.92 * 0.002 * 255.
    np.testing.assert_array_equal(
        to_srgb(np.array([0, 0.002, 0.5, 1])), [0, 7, 188, 255]
    )
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_srgb(to_linear(levels)), levels)


# Light


def test_the_lamp_falls_off_with_the_distance():
    scene = scene_of(light=lamp(position=(2, 2, 2)))

    maps = lit(scene, (2, 2, 0))

    # Straight below, 2 m: 1 / (1 + (2 / 4)^2) = 0.8; times 0.8, plus 0.2.
    assert maps["direct"][0] == pytest.approx(0.8, abs=1e-3)
    assert maps["shading"][0, 0] == pytest.approx(0.84, abs=1e-3)
    assert not maps["shadow"][0]


def test_light_that_comes_in_at_an_angle_is_spread():
    scene = scene_of(light=lamp(position=(2, 2, 2)))

    direct = lit(scene, (3.5, 2, 0))["direct"][0]

    # 1.5 m aside, 2.5 m away: cosine 0.8, 1 / (1 + 0.390625) = 0.71910.
    assert direct == pytest.approx(0.8 * 0.71910, abs=1e-3)


def test_a_surface_that_looks_away_from_the_lamp_is_in_shadow():
    scene = scene_of(light=lamp(position=(2, 2, 2)))

    maps = light_up(scene, column(2, 2, 2.5), UP, np.array([FLOOR]), UP)

    assert maps["shadow"][0]
    assert maps["direct"][0] == 0
    assert maps["shading"][0, 0] == pytest.approx(0.2, abs=1e-4)


def test_what_is_behind_a_sphere_is_dark():
    scene = scene_of(sphere((2, 2, 1), 0.3), light=lamp(position=(1, 2, 2)))

    # From (1, 2, 2) through the sphere's middle (2, 2, 1) to (3, 2, 0).
    assert lit(scene, (3, 2, 0))["shadow"][0]
    # Half the shadow's width is 2 sqrt(2) tan(asin(0.3 / sqrt 2)) = 0.614.
    assert lit(scene, (3, 2 + 0.6, 0))["shadow"][0]
    assert not lit(scene, (3, 2 + 0.63, 0))["shadow"][0]
    # Between the lamp and the sphere nothing is.
    assert not lit(scene, (1.1, 2, 0))["shadow"][0]


@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_a_shadow_is_where_the_way_to_the_lamp_leads_through_a_solid(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    view = look(scene, camera, 24)
    to_light = scene.light.position[:, None] - view.points
    to_camera = -(camera.rotation.T @ view.directions) / view.lengths

    maps = light_up(scene, view.points, view.normals, view.surfaces, to_camera)

    facing = (to_light * view.normals).sum(axis=0) > 0
    through = np.zeros(len(facing), bool)
    for share in np.linspace(1e-6, 1, 200):
        points = view.points + share * to_light
        for solid in scene.solids:
            through |= is_inside(solid, points)
    # Sampled: short ways through a solid may be missed, but none is made up.
    assert maps["shadow"][through | ~facing].all()
    missed = maps["shadow"] & facing & ~through
    assert missed.mean() < 0.02


def test_a_highlight_is_full_where_the_camera_meets_the_mirrored_lamp():
    glossy = plain(gloss=0.25, exponent=10.0)
    scene = scene_of(light=lamp(position=(1, 2, 1)), paints=(glossy, plain(), plain()))

    # The lamp is at (-1, 0, 1) from the point, the mirrored direction is (1, 0, 1).
    full = lit(scene, (2, 2, 0), column(1, 0, 1) / np.sqrt(2))["specular"]
    above = lit(scene, (2, 2, 0))["specular"]

    # d^2 = 2: 0.8 * 0.25 / (1 + 2 / 16); from above cos 45 deg ^ 10 = 1 / 32 of it.
    np.testing.assert_allclose(full[:, 0], 0.2 / 1.125, atol=1e-3)
    np.testing.assert_allclose(above[:, 0], 0.2 / 1.125 / 32, atol=1e-4)


def test_paints_without_gloss_have_no_highlight():
    specular = render_view(scene_of(sphere((2, 3, 1.5), 0.5)), AHEAD, 32)["specular"]

    assert not specular.any()


# Paints


def albedo(pattern, points):
    """Levels of a floor whose two colours are 51 / 255 and 204 / 255; period 0.5 m."""
    pair = np.array([[0.2] * 3, [0.8] * 3])
    paint = Paint(pattern, pair, np.eye(3) / 0.5, np.full(3, 0.25))
    scene = scene_of(paints=(paint, plain(), plain()))
    surfaces = np.full(len(points), FLOOR)
    return albedo_at(scene, np.array(points, float).T, surfaces)[0].tolist()


def test_a_solid_paint_has_its_first_colour():
    assert albedo("solid", [(0, 0, 0), (3, 1, 2)]) == [51, 51]


def test_a_checker_changes_along_every_axis():
    points = [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0.5, 0.5, 0), (0, 0, 0.5)]

    assert albedo("checker", points) == [51, 204, 204, 51, 204]
    # The phase is a quarter: the cell ends at 0.375 m.
    assert albedo("checker", [(0.37, 0, 0), (0.38, 0, 0)]) == [51, 204]


def test_stripes_change_along_one_axis():
    assert albedo("stripes", [(0, 0, 0), (0.5, 0, 0), (0.5, 0.5, 1)]) == [51, 204, 204]


def test_noise_is_what_its_formula_says():
    q = np.array([0.1, 0.2, 0.3]) / 0.5 + 0.25
    bent = (
        2 * np.pi * q[0] + 2 * np.sin(2 * np.pi * q[1]) + 2 * np.sin(2 * np.pi * q[2])
    )
    mix = (1 + np.sin(bent)) / 2

    assert albedo("noise", [(0.1, 0.2, 0.3)]) == [round(255 * (0.2 + 0.6 * mix))]


def test_each_face_of_a_scene_has_its_paint():
    paints = tuple(plain(level) for level in (0.2, 0.4, 0.6, 0.8))
    example = render_view(scene_of(sphere((2, 3, 1.5), 0.5), paints=paints), AHEAD, 65)

    levels = example["albedo"][..., 0]
    # Floor, ceiling, walls and the sphere, in the order of `semantic`.
    for number, level in enumerate((51, 102, 153, 204)):
        own = example["semantic"][..., 0] == number
        assert (levels[own] == level).all()
