"""Second views of a scene: relative poses carry points from one image to the other."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scene_models import AHEAD, scene_of, sphere

from cai_keras.data.scenes import pairs
from cai_keras.data.scenes.camera import Camera, apply_pose, relative_pose, turned
from cai_keras.data.scenes.example import Settings, render
from cai_keras.data.scenes.rays import first_hits
from cai_keras.data.scenes.sampling import has_room, random_example
from cai_keras.data.scenes.view import look, paint_and_light

SEEDS = st.integers(0, 2**32 - 1)
MAKERS = {"fixated": pairs.fixated_view, "free": pairs.free_view}


def test_a_pose_is_a_rotation_vector_and_a_translation():
    # A step of 0.5 m to the right (+x), turned left by 90 degrees: towards -x.
    second = Camera(np.array([2.5, 1, 1.5]), turned(np.pi, 0.0), 1.0)

    pose = relative_pose(AHEAD, second)

    # What was ahead (0, 0, 1) is now to the right (1, 0, 0): about y by +90 degrees.
    np.testing.assert_allclose(pose[:3], [0, np.pi / 2, 0], atol=1e-12)
    # The first camera is 0.5 m ahead of the second.
    np.testing.assert_allclose(pose[3:], [0, 0, 0.5], atol=1e-12)
    ahead = apply_pose(pose, np.array([[0.0], [0.0], [2.0]]))
    np.testing.assert_allclose(ahead[:, 0], [2, 0, 0.5], atol=1e-12)


@pytest.mark.parametrize("name", MAKERS)
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_pose_carries_pixels_to_where_the_second_camera_sees_them(name, seed):
    rng = np.random.default_rng(seed)
    scene, first = random_example(rng)
    second = MAKERS[name](rng, scene, first)
    pose = relative_pose(first, second).astype(np.float32)
    view, other = look(scene, first, 64), look(scene, second, 64)

    moved = apply_pose(pose, view.depth.astype(np.float32) * view.directions)

    # Against the pixels whose rays hit the very same world points.
    offsets = view.points - second.position[:, None]
    ahead = (second.rotation @ offsets)[2] > 0.1
    reach, _ = first_hits(scene, second.position, offsets)
    is_seen = ahead & (np.abs(reach - 1) < 1e-9)
    found = second.project(moved[:, is_seen], 64)
    expected = second.project(second.rotation @ offsets[:, is_seen], 64)
    inside = ((expected > 0) & (expected < 64)).all(axis=0)
    # Of 3,500 pairs of either kind one had nothing in common.
    assume(inside.sum() > 40)
    assert np.abs(found - expected)[:, inside].max() < 1e-4
    # And what is there has the same surface and paint, but for pixels at borders.
    columns, rows = np.floor(expected[:, inside]).astype(int)
    pixels = 64 * rows + columns
    same = other.surfaces[pixels] == view.surfaces[is_seen][inside]
    assert same.mean() > 0.6
    patterns = np.array([paint.pattern for paint in scene.paints])
    own = view.surfaces[is_seen][inside]
    is_plain = same & (patterns[scene.surfaces.paint[own]] == "solid")
    albedo, seen = paint_and_light(view)["albedo"], paint_and_light(other)["albedo"]
    np.testing.assert_array_equal(
        albedo[:, is_seen][:, inside][:, is_plain], seen[:, pixels][:, is_plain]
    )


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_fixated_views_have_one_point_in_the_middle_and_free_views_two(seed):
    rng = np.random.default_rng(seed)
    scene, first = random_example(rng)
    target = pairs.middle_of(scene, first)

    fixated = pairs.fixated_view(rng, scene, first)
    free = pairs.free_view(rng, scene, first)

    distance = np.linalg.norm(target - first.position)
    middle = first.to_camera(target[:, None])
    np.testing.assert_allclose(middle[:, 0], [0, 0, distance], atol=1e-9)
    carried = apply_pose(relative_pose(first, fixated), middle)
    np.testing.assert_allclose(carried[:2, 0], 0, atol=1e-9)
    assert carried[2, 0] > 0
    np.testing.assert_allclose(pairs.middle_of(scene, fixated), target, atol=1e-6)
    assert np.linalg.norm(pairs.middle_of(scene, free) - target) >= 0.3
    for camera in (fixated, free):
        assert has_room(scene, camera.position)
        assert np.linalg.norm(camera.position - first.position) <= np.hypot(0.7, 0.15)


def test_the_middle_is_the_first_surface_on_the_optical_axis():
    ball = sphere((2, 3, 1.5), 0.5)

    np.testing.assert_allclose(pairs.middle_of(scene_of(ball), AHEAD), [2, 2.5, 1.5])
    np.testing.assert_allclose(pairs.middle_of(scene_of(), AHEAD), [2, 5, 1.5])


def test_with_pairs_the_first_view_is_the_same():
    alone, paired = render(5), render(5, Settings(with_pairs=True))

    for name, values in alone.items():
        np.testing.assert_array_equal(values, paired[name])
    added = set(paired) - set(alone)
    assert added == {"fixated_rgb", "fixated_pose", "free_rgb", "free_pose"}
    assert (paired["fixated_rgb"] != paired["free_rgb"]).any()
