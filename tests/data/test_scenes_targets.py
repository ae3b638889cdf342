"""Edges, key points, segments, labels and room layout of scenes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_models import AHEAD, box, cylinder, plain, scene_of, sphere

from cai_keras.data.scenes import image_targets, layout
from cai_keras.data.scenes.camera import Camera, turned
from cai_keras.data.scenes.example import Settings, render, render_view
from cai_keras.data.scenes.sampling import random_example
from cai_keras.data.scenes.scene import Paint

SEEDS = st.integers(0, 2**32 - 1)


def neighbours(map_, row, column):
    """Values above, below, left and right that are in the map."""
    height, width = map_.shape
    for r, c in (
        (row - 1, column),
        (row + 1, column),
        (row, column - 1),
        (row, column + 1),
    ):
        if 0 <= r < height and 0 <= c < width:
            yield map_[r, c]


# Occlusion edges


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_occlusion_edges_are_the_near_sides_of_jumps_between_instances(seed):
    example = render(seed, Settings(side=32))
    instance, depth = example["instance"][..., 0], example["depth"][..., 0]

    for row, column in np.ndindex(32, 32):
        others = neighbours(instance, row, column)
        jumps = [
            deeper - depth[row, column] > 0.1 and other != instance[row, column]
            for other, deeper in zip(
                others, neighbours(depth, row, column), strict=True
            )
        ]
        expected = instance[row, column] > 0 and any(jumps)
        assert example["occlusion_edge"][row, column, 0] == expected


def test_a_sphere_in_the_air_is_outlined():
    example = render_view(scene_of(sphere((2, 3, 1.5), 0.5)), AHEAD, 65)

    ball = example["instance"][..., 0] == 1
    outline = [
        ball[place] and not all(neighbours(ball, *place))
        for place in np.ndindex(65, 65)
    ]
    edges = example["occlusion_edge"][..., 0]
    np.testing.assert_array_equal(edges, np.reshape(outline, (65, 65)))


def test_the_line_on_which_a_box_stands_is_no_occlusion():
    example = render_view(scene_of(box((2, 3, 0.5), (0.5, 0.5, 0.5))), AHEAD, 65)

    rows, columns = np.nonzero(example["instance"][..., 0])
    bottom, middle = rows.max(), 32
    edges = example["occlusion_edge"][..., 0]
    assert not edges[bottom, middle]
    assert edges[rows[columns == middle].min(), middle]  # its top hides the wall


def test_an_empty_room_hides_nothing():
    example = render_view(scene_of(), AHEAD, 65)

    assert not example["occlusion_edge"].any()
    assert example["object_count"] == 0
    assert example["object_class"] == -1


# Edges and key points


def test_a_gradient_is_the_slope_of_a_ramp():
    rows, columns = np.mgrid[:20, :20]

    down, right = image_targets.gradients(0.03 * rows - 0.04 * columns + 1.0)

    inner = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(down[inner], 0.03, atol=1e-12)
    np.testing.assert_allclose(right[inner], -0.04, atol=1e-12)
    strength = image_targets.edge_strength(down, right)
    np.testing.assert_allclose(strength[inner], 0.05, atol=1e-12)


def test_texture_edges_are_slopes_of_luma_in_srgb():
    example = render(11)
    luma = example["rgb"] @ [0.299, 0.587, 0.114] / 255

    down, right = image_targets.gradients(luma)

    expected = np.hypot(down, right)
    np.testing.assert_allclose(example["texture_edge"][..., 0], expected, atol=1e-3)


def test_corner_strength_is_the_weaker_of_two_slopes():
    down, right = np.zeros((2, 2, 12, 12))
    down[0], right[1] = 0.3, 0.2

    strength = image_targets.corner_strength(down, right)

    # The tensor is diag(0.09, 0.04) everywhere.
    np.testing.assert_allclose(strength, 0.2, atol=1e-7)


@given(angle=st.floats(0, np.pi))
def test_slopes_in_one_direction_are_no_corner(angle):
    down, right = np.sin(angle), np.cos(angle)

    strength = image_targets.corner_strength(
        *np.full((2, 1, 9, 9), 0.0) + np.array([down, right])[:, None, None, None]
    )

    np.testing.assert_allclose(strength, 0, atol=1e-7)


def test_keypoints_of_the_image_are_where_checkers_meet():
    pair = np.array([[0.2] * 3, [0.8] * 3])
    checker = Paint("checker", pair, np.eye(3), np.array([0.0, 0.5, 0.5]))
    paints = (plain(), plain(), checker)
    wall = render_view(scene_of(paints=paints), AHEAD, 64)["keypoint_2d"][..., 0]

    # A cell is 1 m or 16 pixels; x = 1, 2, 3 m are columns 16, 32, 48, and z = 0.5,
    # 1.5, 2.5 rows 48, 32, 16.
    for row in (16, 32, 48):
        for column in (16, 32, 48):
            assert (
                wall[row, column] > 5 * wall[row + 8 if row < 48 else row - 8, column]
            )
    assert wall[24, 24] < 1e-3


def test_keypoints_of_the_shape_are_corners_whatever_is_painted():
    pair = np.array([[0.2] * 3, [0.8] * 3])
    checker = Paint("checker", pair, 3 * np.eye(3), np.full(3, 0.3))
    scene = scene_of(box((2, 3, 0.5), (0.5, 0.5, 0.5)))
    painted = scene_of(box((2, 3, 0.5), (0.5, 0.5, 0.5)), paints=(checker,) * 4)

    corners = render_view(scene, AHEAD, 128)["keypoint_3d"][..., 0]

    np.testing.assert_array_equal(
        render_view(painted, AHEAD, 128)["keypoint_3d"][..., 0], corners
    )
    # The front's upper corners: 1.5 m away, 0.5 m aside and 0.5 m down.
    aside = 128 * 0.5 / 1.5
    row, left, right = int(64 + aside), int(64 - aside), int(64 + aside)
    middle_of_edge, middle_of_front = corners[row, 64], corners[row + 15, 64]
    assert min(corners[row, left], corners[row, right]) > 0.1
    assert middle_of_edge < 0.02
    assert middle_of_front == 0


# Segments and labels


def test_colour_segments_are_connected_regions_of_one_albedo():
    albedo = np.full((4, 4, 3), 200, np.uint8)
    albedo[0, 0] = albedo[1, 1] = 40  # they touch at a corner only
    albedo[3] = 201  # the same step of 32

    segments = image_targets.colour_segments(albedo)

    assert segments[0, 0] != segments[1, 1]
    assert len(np.unique(segments)) == 3
    assert len(np.unique(segments[2:])) == 1


def test_surface_segments_number_what_is_seen():
    surfaces = np.array([[4, 4, 13], [1, 1, 13]])

    np.testing.assert_array_equal(
        image_targets.surface_segments(surfaces), [[1, 1, 2], [0, 0, 2]]
    )


def test_each_visible_face_is_a_segment():
    cube = box((2, 3, 0.5), (0.5, 0.5, 0.5))
    example = render_view(scene_of(cube), AHEAD, 65)

    # Floor, ceiling, the wall ahead; the front of the box and its top. Rays through its
    # top's very edge are no faces of their own.
    assert example["segment_25d"].max() + 1 == 5
    assert render_view(scene_of(), AHEAD, 65)["segment_25d"].max() + 1 == 3


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_labels_say_what_the_instances_are(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    example = render_view(scene, camera, 32)

    kinds = np.array(
        [3 + ("sphere", "box", "cylinder").index(s.kind) for s in scene.solids]
    )
    instance, semantic = example["instance"], example["semantic"]
    is_solid = instance > 0
    np.testing.assert_array_equal(semantic[is_solid], kinds[instance[is_solid] - 1])
    assert (semantic[~is_solid] < 3).all()
    numbers, pixels = np.unique(instance[is_solid], return_counts=True)
    assert example["object_class"] + 3 == kinds[numbers[pixels.argmax()] - 1]
    counted = numbers[pixels >= 0.002 * 32 * 32]
    assert example["object_count"] == len(counted)
    np.testing.assert_array_equal(
        example["object_presence"], np.isin([3, 4, 5], kinds[counted - 1])
    )


def test_the_class_is_that_of_the_solid_with_the_most_pixels():
    small, large = sphere((1.4, 3, 1.5), 0.2), cylinder((2.6, 3, 1.5), 0.4, 0.4)

    example = render_view(scene_of(small, large), AHEAD, 64)

    assert example["object_class"] == 2
    assert example["object_count"] == 2
    assert example["object_presence"].tolist() == [True, False, True]


# Room layout


def test_a_camera_along_an_axis_has_the_room_s_axes_and_distances():
    np.testing.assert_allclose(layout.vanishing_points(AHEAD), np.eye(3), atol=1e-12)
    # At (2, 1, 1.5) in 4 x 5 x 3: right, left, floor, ceiling, front, back.
    distances = layout.room_layout(AHEAD, np.array([4.0, 5.0, 3.0]))
    np.testing.assert_allclose(distances, [2, 2, 1.5, 1.5, 4, 1])


def test_axes_are_named_as_the_camera_sees_them():
    # 20 degrees from +x towards +y: forward is +x, on the camera's right side.
    camera = Camera(np.array([1.0, 2.0, 1.0]), turned(np.deg2rad(20), 0.0), 1.0)

    right, down, forward = layout.vanishing_points(camera)

    cosine, sine = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    np.testing.assert_allclose(forward, [sine, 0, cosine], atol=1e-12)
    np.testing.assert_allclose(right, [cosine, 0, -sine], atol=1e-12)
    np.testing.assert_allclose(down, [0, 1, 0], atol=1e-12)
    # Forward +x: 3 m to x = 4, 1 m back; right is -y: 2 m, left 3 m.
    distances = layout.room_layout(camera, np.array([4.0, 5.0, 3.0]))
    np.testing.assert_allclose(distances, [2, 3, 1, 2, 3, 1])


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_parallel_edges_of_the_room_meet_at_its_vanishing_points(seed):
    _, camera = random_example(np.random.default_rng(seed))
    axes = layout.vanishing_points(camera)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)

    for axis in axes:
        in_world = camera.rotation.T @ axis
        # Lines through two points a metre ahead of the camera, along the axis.
        ends = [
            camera.rotation[2] + [0.3, 0.2, 0.1],
            camera.rotation[2] - [0.1, 0.2, 0.3],
        ]
        lines = []
        for start in ends:
            # Homogeneous coordinates: a line is the cross product of two points of it.
            points = [camera.rotation @ (start + step * in_world) for step in (0, 0.1)]
            lines.append(np.cross(*points))
        meeting = np.cross(*lines)
        np.testing.assert_allclose(
            np.abs(meeting / np.linalg.norm(meeting)), np.abs(axis), atol=1e-9
        )


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_layout_gives_the_depth_of_the_empty_room(seed):
    scene, camera = random_example(np.random.default_rng(seed))
    example = render_view(scene, camera, 32)

    depth = layout.layout_depth(
        example["vanishing_points"].astype(np.float64),
        example["room_layout"].astype(np.float64),
        camera.directions(32),
    ).reshape(32, 32)

    is_room = example["instance"][..., 0] == 0
    found = example["depth"][..., 0]
    np.testing.assert_allclose(depth[is_room], found[is_room], rtol=1e-5)
    assert (found[~is_room] < depth[~is_room]).all()
    assert (example["room_layout"] > 0.3).all()  # the camera is inside


def test_the_focal_length_is_in_pixels():
    assert render_view(scene_of(), AHEAD, 48)["focal"] == 48


def test_the_lamp_is_in_the_cameras_frame():
    # The lamp at (2, 2, 2.5) is a metre ahead of the camera and a metre above it.
    np.testing.assert_allclose(
        render_view(scene_of(), AHEAD, 32)["light_position"], [0, -1, 1], atol=1e-6
    )
