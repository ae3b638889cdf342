"""Rays, cameras and surfaces of scenes: depths, silhouettes and normals by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_models import AHEAD, box, cylinder, is_inside, scene_of, sphere

from cai_keras.data.scenes.camera import Camera, angles_towards, turned
from cai_keras.data.scenes.example import Settings, render, render_view
from cai_keras.data.scenes.rays import first_hits
from cai_keras.data.scenes.sampling import random_example
from cai_keras.data.scenes.view import look

SEEDS = st.integers(0, 2**32 - 1)


def depth_of(*solids, camera=AHEAD, side=65):
    return look(scene_of(*solids), camera, side).depth.reshape(side, side)


# Cameras


def test_a_level_camera_looks_where_its_yaw_says():
    # Along +y: right is +x, down is -z.
    np.testing.assert_allclose(
        turned(np.pi / 2, 0.0), [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-15
    )


def test_pitch_looks_up_and_roll_turns_right_towards_down():
    half = np.sqrt(0.5)

    np.testing.assert_allclose(turned(0.0, np.pi / 4)[2], [half, 0, half], atol=1e-15)
    level, rolled = turned(0.3, 0.2), turned(0.3, 0.2, np.pi / 2)
    np.testing.assert_allclose(rolled[0], level[1], atol=1e-15)


@given(yaw=st.floats(-3, 3), pitch=st.floats(-1.5, 1.5), roll=st.floats(-3, 3))
def test_a_camera_is_turned_without_being_mirrored(yaw, pitch, roll):
    rotation = turned(yaw, pitch, roll)

    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert angles_towards(rotation[2]) == pytest.approx((yaw, pitch), abs=1e-9)


def test_directions_lead_back_to_the_middles_of_the_pixels():
    side = 16
    directions = AHEAD.directions(side)

    columns, rows = AHEAD.project(2.5 * directions, side)

    np.testing.assert_allclose(columns, np.tile(np.arange(16) + 0.5, 16), atol=1e-12)
    np.testing.assert_allclose(rows, np.repeat(np.arange(16) + 0.5, 16), atol=1e-12)


# Depth


def test_a_wall_straight_ahead_has_one_depth():
    depth = depth_of()

    # 4 m away; floor and ceiling, 1.5 m below and above, come in from row
    # 32.5 + 65 * 1.5 / 4 = 56.9 on and up to row 8.1.
    np.testing.assert_allclose(depth[9:56], 4, atol=1e-12)
    # The last row looks down by 32 / 65: the floor is at 1.5 / (32 / 65).
    np.testing.assert_allclose(depth[64], 1.5 * 65 / 32, atol=1e-12)


def test_distance_is_depth_over_the_cosine_of_the_ray():
    example = render_view(scene_of(), AHEAD, 65)

    # The ray of pixel (32, 64) is (32 / 65, 0, 1).
    cosine = 1 / np.sqrt(1 + (32 / 65) ** 2)
    assert example["distance"][32, 64, 0] == pytest.approx(4 / cosine, rel=1e-6)
    assert example["distance"][32, 32, 0] == pytest.approx(4, rel=1e-6)


def test_the_silhouette_of_a_sphere_is_a_cone():
    ball = sphere((2, 3, 1.5), 0.5)

    example = render_view(scene_of(ball), AHEAD, 129)

    # Half a metre at 2 m: sin a = 1 / 4, so tan a = 1 / sqrt(15).
    radius = 129 / np.sqrt(15)
    assert example["instance"].sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    row = np.flatnonzero(example["instance"][64, :, 0])
    # Middles of pixels are at 64.5 +- whole numbers.
    assert (row[0], row[-1]) == (64 - int(radius), 64 + int(radius))
    assert example["depth"][64, 64, 0] == pytest.approx(1.5)


def test_a_box_is_as_deep_as_its_front():
    depth = depth_of(box((2, 3, 1.5), (0.5, 0.25, 0.5)))

    # The front is 2 - 0.25 m away and 1 m wide: 65 * 0.5 / 1.75 = 18.57 to each side.
    front = depth[14:51, 14:51]
    np.testing.assert_allclose(front, 1.75, atol=1e-12)
    assert (depth[32, [13, 51]] > 1.75).all()


def test_a_box_that_is_turned_by_45_degrees_shows_its_edge():
    depth = depth_of(box((2, 3, 1.5), (0.5, 0.5, 0.5), np.pi / 4))

    assert depth[32, 32] == pytest.approx(2 - np.sqrt(0.5))


def test_a_cylinder_is_nearest_in_its_middle_and_flat_on_top():
    drum = cylinder((2, 3, 1.0), 0.5, 1.0)
    down = Camera(np.array([2.0, 3.0, 2.8]), turned(np.pi / 2, -np.pi / 2), 1.0)

    assert depth_of(drum)[32, 32] == pytest.approx(1.5)
    # From above the top is 0.8 m away, and its radius more than half the image:
    row = depth_of(drum, camera=down, side=129)[64]
    # 129 * 0.5 / 0.8 = 80.6 pixels: all of the row.
    np.testing.assert_allclose(row, 0.8, atol=1e-12)


def test_nothing_is_seen_through_a_solid():
    near, far = sphere((2, 2.5, 1.5), 0.3), sphere((2, 3.5, 1.5), 0.3)

    instance = render_view(scene_of(far, near), AHEAD, 65)["instance"]

    # The far one is smaller in the image: the near one, number 2, hides it.
    assert set(np.unique(instance)) == {0, 2}


@pytest.mark.parametrize(
    "solid",
    [
        sphere((2, 3, 1.5), 0.5),
        box((2, 3, 1.5), (0.5, 0.5, 0.5)),
        cylinder((2, 3, 1.5), 0.5, 0.5),
    ],
    ids=lambda solid: solid.kind,
)
@pytest.mark.parametrize("offset", [0.0, 0.9])
def test_rays_along_an_axis_divide_by_no_zero(solid, offset):
    origin = np.array([2 + offset, 3.0, 2.9])
    straight_down = np.array([[0.0], [0.0], [-1.0]])

    reach, surface = first_hits(scene_of(solid), origin, straight_down)

    # The top is at 2 m; beside the solid there is the floor, number 4.
    assert reach[0] == pytest.approx(2.9 if offset else 0.9)
    assert surface[0] // 6 == (0 if offset else 1)


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_ray_ends_on_the_first_surface_on_its_way(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    view = look(scene, camera, 16)
    start = camera.position[:, None]

    for share in np.linspace(0.02, 0.999, 60):
        points = start + share * (view.points - start)
        assert not any(is_inside(solid, points).any() for solid in scene.solids)
        assert (points > 0).all()
        assert (points < scene.room[:, None]).all()
    # A hair further it is in the solid, or out of the room.
    beyond = start + (1 + 1e-7) * (view.points - start)
    instance = view.surfaces // 6
    outside = ((beyond < 0) | (beyond > scene.room[:, None])).any(axis=0)
    np.testing.assert_array_equal(outside, instance == 0)
    for number, solid in enumerate(scene.solids, start=1):
        own = instance == number
        # Rays that graze a silhouette leave again before that.
        facing = -(view.normals * (view.points - start)).sum(axis=0) > 1e-3
        assert is_inside(solid, beyond[:, own & facing]).all()


# Normals


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_normals_agree_with_the_differences_of_neighbouring_points(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    view = look(scene, camera, 64)
    example = render_view(scene, camera, 64)
    rays = np.moveaxis(view.directions.reshape(3, 64, 64), 0, -1)
    points = example["depth"] * rays

    across = points[1:-1, 2:] - points[1:-1, :-2]
    along = points[2:, 1:-1] - points[:-2, 1:-1]
    found = np.cross(along, across)  # down x right looks at the camera
    found /= np.linalg.norm(found, axis=-1, keepdims=True)

    surfaces = view.surfaces.reshape(64, 64)
    middle = surfaces[1:-1, 1:-1]
    same = [surfaces[1:-1, 2:], surfaces[1:-1, :-2], surfaces[2:, 1:-1]]
    inner = np.all([s == middle for s in [*same, surfaces[:-2, 1:-1]]], axis=0)
    is_flat = (example["curvature"][1:-1, 1:-1] == 0).all(axis=-1)
    given_normals = example["normal"][1:-1, 1:-1].astype(np.float64)
    cosine = (found * given_normals).sum(axis=-1)
    # float16 keeps a component to 1 / 4096.
    assert cosine[inner & is_flat].min() > 1 - 2e-3
    steep = example["reshading"][1:-1, 1:-1, 0] > 0.5
    assert np.all(cosine[inner & ~is_flat & steep] > 0.9)


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_normals_have_length_1_and_look_at_the_camera(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    view = look(scene, camera, 48)

    np.testing.assert_allclose(np.linalg.norm(view.normals, axis=0), 1, atol=1e-9)
    towards = ((camera.position[:, None] - view.points) * view.normals).sum(axis=0)
    assert towards.min() > -1e-9


def test_normals_are_in_the_cameras_frame():
    ball = sphere((2, 3, 1.5), 0.5)
    normal = render_view(scene_of(ball), AHEAD, 65)["normal"]

    np.testing.assert_array_equal(normal[32, 32], [0, 0, -1])  # towards the camera
    np.testing.assert_array_equal(normal[64, 32], [0, -1, 0])  # the floor: up
    np.testing.assert_array_equal(normal[0, 32], [0, 1, 0])  # the ceiling: down
    assert normal[32, 32 + 12, 0] > 0.5  # the ball's right side
    assert normal[32 + 12, 32, 1] > 0.5  # its lower side


def test_reshading_is_the_cosine_at_which_the_camera_sees_a_surface():
    reshading = render_view(scene_of(), AHEAD, 65)["reshading"]

    assert reshading[32, 32, 0] == 1
    # The wall from the ray (20 / 65, 10 / 65, 1).
    expected = 1 / np.sqrt(1 + (20 / 65) ** 2 + (10 / 65) ** 2)
    assert reshading[42, 52, 0] == pytest.approx(expected, abs=1e-3)


def test_curvature_is_one_over_the_radius():
    ball, drum = sphere((1.2, 3, 1.5), 0.5), cylinder((2.8, 3, 1.5), 0.25, 0.5)
    cube = box((2, 3, 0.3), (0.3, 0.3, 0.3))

    example = render_view(scene_of(ball, drum, cube), AHEAD, 128)

    instance, curvature = example["instance"][..., 0], example["curvature"]
    np.testing.assert_array_equal(np.unique(curvature[instance == 1], axis=0), [[2, 2]])
    assert [4, 0] in curvature[instance == 2].tolist()
    assert (instance == 3).any()
    assert (curvature[(instance == 3) | (instance == 0)] == 0).all()


def test_the_scene_does_not_depend_on_the_side():
    small, large = render(7, Settings(side=32)), render(7, Settings(side=96))

    # Every third pixel of the larger image has its middle where the smaller has it.
    np.testing.assert_allclose(small["depth"], large["depth"][1::3, 1::3], rtol=1e-5)
    np.testing.assert_array_equal(small["room_layout"], large["room_layout"])
