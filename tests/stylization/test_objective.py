"""The objective's terms, against NumPy on the features of a random network."""

import numpy as np
import pytest

from cai_keras.errors import UsageError
from cai_keras.networks.feature_networks import load_feature_network
from cai_keras.stylization.objective import (
    LayerTerm,
    ObjectiveSettings,
    PerceptualObjective,
    Targets,
)

CONTENT = ("conv2_1", "conv3_1")
STYLE = ("conv1_1", "conv2_1")
NOTHING = LayerTerm(0.0, ("conv1_1",), "gatys")


@pytest.fixture(scope="module")
def network():
    return load_feature_network("random_vgg")


@pytest.fixture(scope="module")
def maps(network):
    """Function from a picture to layer -> float64 (rows, columns, channels)."""
    extract = network.extractor(sorted({*CONTENT, *STYLE}))

    def of(picture):
        found = extract(picture[None].astype("float32"))
        return {name: np.asarray(found[name][0], float) for name in found}

    return of


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def gram(features):
    flat = features.reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def squares(one, other):
    return float(((one - other) ** 2).sum())


def objective(network, convention="johnson", content=1.0, style=1.0, smooth=0.0):
    settings = ObjectiveSettings(
        LayerTerm(content, CONTENT, convention),
        LayerTerm(style, STYLE, convention),
        smooth,
    )
    return PerceptualObjective(network, settings)


def terms_of(asked, picture, content, style):
    found = asked.terms(picture[None], asked.targets(content, style))
    return {name: float(value[0]) for name, value in found.items()}


@pytest.mark.parametrize("convention", ["gatys", "gatys_code", "johnson"])
def test_content_and_style_are_what_numpy_makes_of_the_features(
    network, maps, convention
):
    picture, content, style = (
        noise(18, 20, 3),
        noise(18, 20, 3, seed=1),
        noise(24, 16, 3),
    )
    ours, theirs, painted = maps(picture), maps(content), maps(style)

    found = terms_of(objective(network, convention), picture, content, style)

    content_sums = {
        "gatys": lambda name: 0.5 * squares(ours[name], theirs[name]),
        "gatys_code": lambda name: ((ours[name] - theirs[name]) ** 2).mean(),
        "johnson": lambda name: ((ours[name] - theirs[name]) ** 2).mean(),
    }[convention]
    assert found["content"] == pytest.approx(sum(map(content_sums, CONTENT)), rel=1e-4)

    def of_layer(name):
        channels = ours[name].shape[-1]
        distance = squares(gram(ours[name]), gram(painted[name]))
        return {
            # Equation 5: each of two layers counts a half.
            "gatys": distance / (4 * channels**2) / 2,
            "gatys_code": distance / channels**2 * 1000 / channels**2,
            "johnson": distance / channels**4,
        }[convention]

    assert found["style"] == pytest.approx(sum(map(of_layer, STYLE)), rel=1e-4)


def test_a_picture_has_its_own_content_and_style(network):
    picture = noise(16, 16, 3)

    found = terms_of(objective(network), picture, picture, picture)

    assert found == {"content": 0.0, "style": 0.0}


def test_total_variation_is_the_sum_of_squared_steps_between_neighbours(network):
    picture = noise(16, 18, 3)

    found = terms_of(objective(network, smooth=2.0), picture, picture, picture)

    steps = (np.diff(picture, axis=0) ** 2).sum() + (
        np.diff(picture, axis=1) ** 2
    ).sum()
    assert found["total_variation"] == pytest.approx(steps, rel=1e-5)


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ({"style": 0.0}, ["content"]),
        ({"content": 0.0}, ["style"]),
        ({"content": 0.0, "style": 0.0, "smooth": 0.5}, ["total_variation"]),
        ({"smooth": 0.5}, ["content", "style", "total_variation"]),
    ],
)
def test_a_weight_of_0_leaves_a_term_out(network, weights, names):
    asked = objective(network, **weights)

    assert list(asked.weights) == names
    assert list(terms_of(asked, *(noise(16, 16, 3),) * 3)) == names


def test_the_total_is_the_weighted_sum(network):
    asked = objective(network, content=2.0, style=30.0, smooth=0.5)

    total = asked.total({"content": 1.5, "style": 0.1, "total_variation": 8.0})

    assert total == pytest.approx(2 * 1.5 + 30 * 0.1 + 0.5 * 8)


def test_every_picture_of_a_batch_has_its_own_terms(network):
    pictures, contents = noise(3, 16, 16, 3), noise(3, 16, 16, 3, seed=1)
    style = noise(16, 16, 3, seed=2)
    asked = objective(network)

    together = asked.terms(pictures, asked.targets(contents, style))

    for number in range(3):
        alone = terms_of(asked, pictures[number], contents[number], style)
        for name, value in alone.items():
            assert float(together[name][number]) == pytest.approx(value, rel=1e-4)


def test_targets_are_picked_by_number():
    content, style = noise(3, 2, 2, 4), noise(3, 4, 4, seed=1)

    picked = Targets({"a": content}, {"b": style}).of(np.array([2, 0, 2]))

    np.testing.assert_array_equal(picked.content["a"], content[[2, 0, 2]])
    np.testing.assert_array_equal(picked.style["b"], style[[2, 0, 2]])


def test_an_unknown_layer_or_convention_is_refused_with_the_nearest(network):
    wrong = ObjectiveSettings(LayerTerm(1.0, ("conf4_1",), "johnson"), NOTHING)
    with pytest.raises(UsageError, match="did you mean 'conv4_1'"):
        PerceptualObjective(network, wrong)
    with pytest.raises(UsageError, match="did you mean 'johnson'"):
        LayerTerm(1.0, ("conv1_1",), "jonson")
