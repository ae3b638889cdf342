"""What two replicas must agree on, on two logical CPUs, computed by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("replicas_run.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the functions of the script returned: devices are fixed once used."""
    folder = tmp_path_factory.mktemp("replicas")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "found.json").read_text())


def test_clipping_sees_the_gradient_of_the_global_batch(found):
    # w = 2, x = 1 and 3, loss (w x)^2: slope (2 * 2 * 1 + 2 * 2 * 9) / 2 = 20, clipped
    # to 5. Shares of 2 and 18, clipped before the sum, would give 2 + 5.
    assert found["clipping"]["weight"] == pytest.approx([2 - 0.1 * 5] * 2)


def test_losses_are_means_over_the_global_batch(found):
    # w = 2, x = 1..5 on 3 + 2 examples: 4 (1 + 4 + 9 + 16 + 25) / 5 = 44. The mean of
    # the replicas' means is (56 / 3 + 82) / 2 = 50.33.
    uneven = found["uneven_losses"]
    assert uneven["losses"] == {"fit/square": 44.0, "fit/total": 44.0}
    assert uneven["steps"] == [1, 1]


@pytest.mark.parametrize("run", ["", "accumulated_"])
def test_penalties_on_weights_are_counted_once(found, run):
    # The layer's 0.5 w^2 = 2 and the recipe's 0.25 / 2 w^2 = 0.5 beside the mean loss
    # 20; slope 20 + 2 * 0.5 * 2 + 0.25 * 2 = 22.5. With accumulation each replica has
    # two micro-batches of one example.
    losses = found["penalties"][f"{run}losses"]
    assert losses == pytest.approx(
        {"fit/square": 20.0, "fit/regularisation": 2.5, "fit/total": 22.5}
    )
    weight = found["penalties"][f"{run}weight"]
    assert weight == pytest.approx([2 - 0.01 * 22.5] * 2)


def test_one_replicas_infinite_gradient_stops_the_step_of_both(found):
    # Loss scale 2^15, two examples: the slope of (2 * 64)^2 begins as 2 * 128 * 2^14,
    # beyond float16's 65504; that of (2 * 0.25)^2 as 2^14. The scale is halved.
    step = found["loss_scaling"]["infinite"]
    assert step == {"weight": [2.0, 2.0], "scale": [2**14, 2**14], "applied": [0, 0]}


def test_both_replicas_take_the_finite_step_after_it(found):
    # Slope (2 * 2 / 16 + 2 * 2 / 4) / 2 = 0.625.
    step = found["loss_scaling"]["then_finite"]
    assert step["weight"] == pytest.approx([2 - 0.16 * 0.625] * 2, rel=1e-5)
    assert (step["scale"], step["applied"]) == ([2**14, 2**14], [1, 1])


def test_averages_are_the_same_on_both_replicas(found):
    # Slope 2 w: 2 -> 1.6 -> 1.28. The average is the weight after the first step, then
    # 0.75 * 1.6 + 0.25 * 1.28 = 1.52.
    assert found["averages"]["weight"] == pytest.approx([1.28, 1.28])
    assert found["averages"]["average"] == pytest.approx([1.52, 1.52])


@pytest.mark.parametrize("layer", ["ours", "keras"])
def test_synchronised_statistics_are_those_of_the_global_batch(found, layer):
    # 1, 2, 3 and 10, 20: mean 36 / 5 = 7.2, variance 514 / 5 - 7.2^2 = 50.96. The
    # averages begin at 0 and 1 and move by a tenth.
    moved = found["batch_norm"][f"{layer} together"]
    assert moved["mean"] == pytest.approx([0.72, 0.72])
    assert moved["variance"] == pytest.approx([0.9 + 5.096] * 2)


@pytest.mark.parametrize("layer", ["ours", "keras"])
def test_other_statistics_are_those_of_each_replica(found, layer):
    # Means 2 and 15, variances 2 / 3 and 25.
    moved = found["batch_norm"][f"{layer} apart"]
    assert moved["mean"] == pytest.approx([0.2, 1.5])
    assert moved["variance"] == pytest.approx([0.9 + 0.2 / 3, 0.9 + 2.5])


def test_replicas_draw_different_dropout_masks(found):
    first = found["seeds"]["first"]

    assert found["seeds"]["equal"] == [[3, 0], [3, 0]]
    # The first keeps its seed: a run of one device can go on from its checkpoint.
    assert found["seeds"]["spread"][0] == [3, 0]
    assert found["seeds"]["spread"][1][0] != 3
    assert set(first[0]) == set(first[1]) == {0.0, 2.0}
    assert first[0] != first[1]


def test_restored_replicas_draw_the_masks_that_came_next(found):
    seeds = found["seeds"]

    assert seeds["restored"] == seeds["saved"] != seeds["spread"]
    assert seeds["second_again"] == seeds["second"] != seeds["first"]


@pytest.mark.parametrize("count", [1, 4, 7])
def test_predictions_of_two_replicas_stand_in_order(found, count):
    # Example i is (2i, 2i + 1): 2i + 3 (2i + 1) + 7 and 2 (2i) + 5 (2i + 1). A batch
    # of 3 becomes one of 4, so that the replicas get equal parts.
    expected = [[8 * i + 10, 14 * i + 5] for i in range(count)]
    assert found["predictions"][str(count)] == expected


def test_each_replica_gets_its_rows_of_the_global_batch(found):
    assert found["rows"]["even"] == [[[0, 1], [2, 3]], [[100, 101], [102, 103]]]


def test_the_first_replica_gets_the_row_too_many(found):
    assert found["rows"]["uneven"] == [
        [[0, 1, 2], [3, 4]],
        [[100, 101, 102], [103, 104]],
    ]


def test_a_stream_begins_at_any_step(found):
    assert found["rows"]["later"] == [[[700, 701], [702]], [[800, 801], [802]]]
