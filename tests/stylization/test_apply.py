"""Trained networks on pictures of any size, and how they are loaded."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_keras.errors import DataError, UsageError
from cai_keras.networks.transform_net import (
    build_style_transform,
    build_super_resolution,
)
from cai_keras.stylization.apply import (
    NetworkProgram,
    apply_network,
    matched,
    smallest_side,
)
from cai_keras.stylization.trained import load_trained


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def brightening(amount):
    pictures = keras.Input((None, None, 3))
    return keras.Model(pictures, keras.layers.Rescaling(1.0, amount)(pictures))


STYLE = build_style_transform((2, 2, 2), 1, "instance")


@settings(max_examples=10, deadline=None)
@given(st.integers(9, 40), st.integers(9, 40))
def test_a_style_network_keeps_every_size(height, width):
    made = apply_network(STYLE, noise(height, width, 3))

    assert made.shape == (height, width, 3)
    assert made.dtype == np.float32
    assert 0 <= made.min() <= made.max() <= 1


def test_a_program_gives_the_networks_pictures_at_every_size():
    program = NetworkProgram(STYLE)

    assert smallest_side(program) == smallest_side(STYLE)
    for height, width in ((12, 16), (20, 12), (33, 17)):
        picture = noise(height, width, 3, seed=height)
        expected = apply_network(STYLE, picture)
        np.testing.assert_allclose(apply_network(program, picture), expected, atol=1e-5)


def test_sides_are_filled_up_by_mirroring_and_cut_again():
    seen = []

    class Spy:
        layers = ()

        def __call__(self, pictures):
            seen.append(pictures)
            return pictures

    picture = noise(6, 7, 3)

    made = apply_network(Spy(), picture)

    np.testing.assert_array_equal(made, picture)
    assert seen[0].shape == (1, 8, 8, 3)
    # Row 6 mirrors row 4, row 7 row 3: the border pixel is not repeated.
    np.testing.assert_array_equal(seen[0][0, 6, :7], picture[4])
    np.testing.assert_array_equal(seen[0][0, 7, :7], picture[3])
    np.testing.assert_array_equal(seen[0][0, :6, 7], picture[:, 5])


def test_results_beyond_the_range_are_clipped():
    picture = noise(8, 8, 3)

    found = apply_network(brightening(0.5), picture)

    np.testing.assert_allclose(found, np.minimum(picture + 0.5, 1), atol=1e-6)


def test_an_enlarged_picture_has_the_colours_of_the_small_one():
    pictures = keras.Input((None, None, 3))
    darker = keras.layers.Rescaling(0.5)(pictures)
    network = keras.Model(pictures, keras.layers.UpSampling2D(4)(darker))
    picture = noise(20, 16, 3) * [0.3, 0.6, 1.0]

    found = apply_network(network, picture)

    expected = picture.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_brightness_beyond_the_range_keeps_its_order_when_histograms_are_matched():
    pictures = keras.Input((None, None, 3))
    brighter = keras.layers.Rescaling(1.0, 0.8)(pictures)
    network = keras.Model(pictures, keras.layers.UpSampling2D(4)(brighter))
    picture = noise(20, 16, 3)

    found = apply_network(network, picture)

    expected = picture.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_enlarged_picture_has_its_size_by_the_factor():
    found = apply_network(build_super_resolution(4, 2, 1), noise(21, 18, 3))

    assert found.shape == (84, 72, 3)


def test_matching_a_histogram_keeps_the_order_of_values():
    picture, reference = noise(20, 20, 3), 0.2 + 0.1 * noise(20, 20, 3, seed=1)

    found = matched(picture, reference)

    for channel in range(3):
        ours = found[..., channel].ravel()
        theirs = reference[..., channel].ravel()
        np.testing.assert_allclose(np.sort(ours), np.sort(theirs), atol=1e-6)
        order = np.argsort(picture[..., channel].ravel())
        assert (np.diff(ours[order]) >= 0).all()


def test_the_smallest_side_is_one_more_than_the_padding():
    # Two pixels off each side of a quarter of the size, one block: 8.
    assert smallest_side(STYLE) == 9
    with pytest.raises(DataError, match=r"8 x 20 pixels .* sides of at least 9"):
        apply_network(STYLE, noise(20, 8, 3))


def test_a_network_without_padding_needs_what_mirroring_takes():
    assert smallest_side(brightening(0.0)) == 4
    with pytest.raises(DataError, match="at least 4"):
        apply_network(brightening(0.0), noise(3, 9, 3))


# Loading.


def test_a_runs_folder_or_a_file_gives_the_network_that_was_saved(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / "transform.keras"
    STYLE.save(file)
    picture = noise(16, 20, 3)

    expected = apply_network(STYLE, picture)

    for path in (tmp_path, file, tmp_path / "checkpoints"):
        found = apply_network(load_trained(path), picture)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_two_networks_in_a_run_are_named(tmp_path):
    for name in ("one", "two"):
        brightening(0.1).save(tmp_path / f"{name}.keras")

    with pytest.raises(UsageError, match=r"found one\.keras, two\.keras"):
        load_trained(tmp_path)
