"""The roofline model, with numbers worked out by hand."""

import pytest
from made_up_rows import ceilings, configuration, counted, done, failed

from benchmarks.roofline import Point, Roofline, attainable, point_of, ridge, rooflines

PEAK, BANDWIDTH = 100e9, 10e9


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [(1.0, 10e9), (5.0, 50e9), (10.0, 100e9), (1000.0, 100e9)],
)
def test_the_lower_roof_counts(intensity, expected):
    assert attainable(intensity, PEAK, BANDWIDTH) == expected


def test_the_roofs_meet_where_the_bytes_keep_up_with_the_operations():
    # 100 GFLOP/s need 10 operations for each of 10 GB/s.
    assert ridge(PEAK, BANDWIDTH) == 10.0
    assert attainable(10.0, PEAK, BANDWIDTH) == PEAK


def test_a_point_has_the_operations_and_the_bytes_of_a_step():
    row = done(
        batch_size=8,
        row={"sample_flops": 2e6, "step_bytes": 4e6, "flops_per_second": 3e9},
    )

    # 8 examples of 2 MFLOP in a step that moves 4 MB: 16 / 4.
    assert point_of(row) == Point(configuration(batch_size=8), 4.0, 3e9)


def test_a_device_does_its_share_of_a_step():
    row = done(
        batch_size=8, strategy="mirrored", replicas=2,
        row={"sample_flops": 2e6, "step_bytes": 4e6, "flops_per_second": 3e9},
    )  # fmt: skip

    point = point_of(row)

    assert (point.intensity, point.flops_per_second) == (4.0, 1.5e9)


@pytest.mark.parametrize("field", ["sample_flops", "step_bytes", "flops_per_second"])
def test_what_is_not_known_has_no_place(field):
    row = counted().model_copy(update={field: None})

    assert point_of(row) is None


def test_rows_lie_below_the_roofs_of_their_own_device():
    cpu, gpu = ceilings(), ceilings(device="gpu", device_name="a GPU")
    rows = [
        counted(device="gpu"),
        counted(device="cpu"),
        done(),  # nothing was counted
        counted(backend="jax"),  # no ceilings
        failed(),
    ]

    found, left = rooflines([cpu, gpu], rows)

    assert [(r.ceilings, [p.configuration for p in r.points]) for r in found] == [
        (cpu, [rows[1].configuration]),
        (gpu, [rows[0].configuration]),
    ]
    assert left == [rows[2], rows[3]]


def test_only_roofs_of_precisions_that_were_used_are_drawn():
    points = (point_of(counted(precision="mixed_bfloat16")),)

    assert Roofline(ceilings(), points).precisions() == ["mixed_bfloat16"]


def test_all_roofs_are_drawn_where_the_precision_has_none():
    points = (point_of(counted(precision="mixed_float16")),)

    assert Roofline(ceilings(), points).precisions() == ["float32", "mixed_bfloat16"]
