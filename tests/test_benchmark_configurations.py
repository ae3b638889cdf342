"""What the options of `cai bench train` and `infer` ask for, without TensorFlow."""

import pytest

from benchmarks.configurations import read_request, trained_variants
from cai_keras.cli.papers import find_paper, paper_slugs
from cai_keras.errors import UsageError

OPTIONS = {
    "kind": "train",
    "slugs": ["gan"],
    "scale": "smoke",
    "variants": None,
    "networks": None,
    "batch": "8",
    "precisions": ["float32"],
    "xla": ["off"],
    "backends": ["tensorflow"],
    "strategy": "one",
    "data": "synthetic",
}


def asked(**changes):
    return read_request(**{**OPTIONS, **changes})


def test_no_paper_and_all_are_every_paper():
    assert asked(slugs=[]).slugs == asked(slugs=["all"]).slugs == tuple(paper_slugs())


def test_every_mode_comes_once_and_neighbours_are_of_one_network():
    found = asked(
        backends=["tensorflow", "jax", "torch"],
        precisions=["float32", "mixed_bfloat16"],
        xla=["off", "on"],
    )
    # JAX is always compiled by XLA, and PyTorch never.
    assert found.modes() == [
        ("tensorflow", "float32", False),
        ("tensorflow", "float32", True),
        ("tensorflow", "mixed_bfloat16", False),
        ("tensorflow", "mixed_bfloat16", True),
        ("jax", "float32", True),
        ("jax", "mixed_bfloat16", True),
        ("torch", "float32", False),
        ("torch", "mixed_bfloat16", False),
    ]
    requests = found.requests(find_paper("gan"), "ring", "all")
    assert len(requests) == 8
    assert {request.network for request in requests} == {"all"}


def test_a_title_names_what_is_run_and_how():
    (request,) = asked(kind="infer").requests(find_paper("gan"), "ring", "generator")
    assert request.title == "gan/ring/generator (tensorflow, float32, no xla, batch 8)"


def test_auto_leaves_the_batch_open():
    assert asked(batch="auto").batch_size is None


def test_a_paper_of_one_picture_a_step_trains_on_one():
    paper = find_paper("neural_style")
    for batch in ("8", "auto"):
        (request,) = asked(batch=batch).requests(paper, "adam", "all")
        assert request.batch_size == 1
    (request,) = asked(kind="infer").requests(paper, "adam", "picture")
    assert request.batch_size == 8


def test_the_first_variant_that_trains_is_taken():
    paper = find_paper("resnet")
    assert trained_variants(paper, asked(slugs=["resnet"])) == ["cifar10_resnet20"]
    named = asked(slugs=["resnet", "gan"], variants=["ring", "cifar10_resnet56"])
    assert trained_variants(paper, named) == ["cifar10_resnet56"]
    untrained = "cifar10_resnet56_untrained"
    assert paper.recipe("smoke", untrained).train.total_steps == 0
    assert trained_variants(paper, asked(variants=[untrained], slugs=["resnet"])) == [
        untrained
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slugs": ["gam"]}, "unknown paper 'gam'; did you mean 'gan'?"),
        ({"scale": "smal"}, "--scale: unknown name 'smal'; did you mean 'small'?"),
        ({"variants": ["rings"]}, "--variant: unknown name 'rings'; .* 'ring'?"),
        ({"precisions": ["float23"]}, "--precision: unknown name .* 'float32'?"),
        ({"backends": ["jaxx"]}, "--backend: unknown name 'jaxx'; did you mean 'jax'?"),
        ({"xla": ["of"]}, "--xla: unknown name 'of'; did you mean 'off'?"),
        ({"strategy": "miror"}, "--strategy: unknown name 'miror'; .* 'mirrored'?"),
        ({"data": "reel"}, "--data: unknown name 'reel'; did you mean 'real'?"),
        ({"batch": "many"}, "--batch many: expected a number above 0, or auto"),
        ({"batch": "0"}, "--batch 0: expected a number above 0"),
        ({"batch": "-1"}, "--batch -1: expected a number above 0"),
        (
            {"strategy": "mirrored", "backends": ["tensorflow", "jax"]},
            "--strategy mirrored: needs --backend tensorflow",
        ),
        ({"strategy": "mirrored", "xla": ["on"]}, "compiles one replica only"),
        ({"kind": "infer", "data": "real"}, "one device and synthetic data only"),
    ],
)
def test_wrong_options_are_refused_with_the_nearest_name(changes, message):
    with pytest.raises(UsageError, match=message):
        asked(**changes)
