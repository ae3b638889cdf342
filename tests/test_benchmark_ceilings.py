"""The search for a device's peaks, against devices whose speed is known."""

from types import SimpleNamespace

import pytest

from benchmarks import ceilings
from benchmarks.row_tables import ceiling_cells


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def device(rates):
    """A clock, and a function size -> seconds of a call that takes as long."""
    clock, tried = Clock(), []

    def seconds_of(size):
        tried.append(size)
        seconds = operations(len(rates))[size] / rates[size]
        clock.now += seconds
        return seconds

    return clock, seconds_of, tried


def operations(count):
    return {size: 8**size for size in range(count)}


def test_the_peak_is_where_sizes_stop_being_faster():
    # 2 % and nothing more: two in a row that bring less than 3 %.
    clock, seconds_of, tried = device([10, 50, 100, 102, 101, 500])
    found = ceilings.highest_rate(seconds_of, operations(6), 1e9, clock)
    assert (found, tried) == (102, [0, 1, 2, 3, 4])


def test_one_slow_size_does_not_end_the_search():
    clock, seconds_of, tried = device([10, 5, 100, 99, 98])
    assert ceilings.highest_rate(seconds_of, operations(5), 1e9, clock) == 100
    assert tried == [0, 1, 2, 3, 4]


def test_a_size_that_would_exceed_the_budget_is_not_tried():
    # 8^2 operations take 0.64 s; two calls of 8^3 would take 10.
    clock, seconds_of, tried = device([100, 100, 100, 100])
    ceilings.highest_rate(seconds_of, operations(4), 8.0, clock)
    assert 3 not in tried


def test_a_size_that_does_not_fit_ends_the_search():
    def seconds_of(size):
        if size == 2:
            raise MemoryError
        return 8**size / 10 ** (size + 1)

    found = ceilings.highest_rate(seconds_of, operations(5), 1e9, lambda: 0.0)
    assert found == pytest.approx(100)


def test_where_nothing_fits_there_is_no_peak():
    def seconds_of(size):
        raise MemoryError("too small")

    with pytest.raises(MemoryError, match="too small"):
        ceilings.highest_rate(seconds_of, operations(2), 1.0, lambda: 0.0)


def test_a_call_is_timed_by_the_best_of_a_few_blocks():
    clock, calls = Clock(), []
    # The first one compiles; then 2 s, and blocks at 1, 0.5 and 1 s a repetition.
    speeds = iter([50.0, 2.0, 1.0, 0.5, 1.0])

    def call(times):
        calls.append(times)
        clock.now += times * next(speeds)

    # A third of 30 s is five repetitions of 2 s.
    assert ceilings.seconds_of_a_call(call, 30.0, clock) == 0.5
    assert calls == [1, 1, 5, 5, 5]


def test_a_call_that_takes_the_whole_budget_is_made_twice():
    clock, calls = Clock(), []

    def call(times):
        calls.append(times)
        clock.now += 7.0 * times

    assert ceilings.seconds_of_a_call(call, 5.0, clock) == 7.0
    assert calls == [1, 1]


def test_copied_arrays_are_larger_than_the_cache_and_fit_into_memory():
    mega = 1 << 20
    assert ceilings.copied_bytes("cpu", 4 * mega, 16 << 30) == 256 * mega
    assert ceilings.copied_bytes("cpu", 100 * mega, 16 << 30) == 800 * mega
    assert ceilings.copied_bytes("cpu", 100 * mega, 400 * mega) == 100 * mega
    assert ceilings.copied_bytes("gpu") == 1 << 30


def test_this_machines_cache_has_a_plausible_size():
    assert 1 << 17 <= ceilings.last_level_cache_bytes() <= 1 << 31


def test_every_ceiling_of_a_backend_is_measured(monkeypatch):
    seconds = {"product": 0.5, "convolution": 0.25, "add": 0.1, "nothing": 1e-5}
    monkeypatch.setattr(ceilings, "PRODUCTS", {10: 2000})
    monkeypatch.setattr(ceilings, "CONVOLUTIONS", {(1, 2, 3): 648})
    monkeypatch.setattr(ceilings, "copied_bytes", lambda kind: 4000)
    monkeypatch.setattr(
        ceilings, "seconds_of_a_call", lambda call, budget: seconds[call]
    )
    backend = SimpleNamespace(
        kind=lambda: "cpu",
        name=lambda: None,
        is_out_of_memory=lambda error: False,
        matrix_product=lambda side, precision: "product",
        convolution=lambda batch, side, channels, precision: "convolution",
        accumulate=lambda numbers: "add",
        nothing=lambda: "nothing",
    )
    found = ceilings.measure_ceilings(
        backend, "jax", "a CPU", ["float32", "bfloat16"], 1.0
    )
    assert found.matrix_flops_per_second == {"float32": 4000, "bfloat16": 4000}
    assert found.convolution_flops_per_second == {"float32": 2592, "bfloat16": 2592}
    # 1,000 numbers: two read and one written, of 4 bytes.
    assert found.copy_bytes_per_second == 120_000
    assert (found.device_name, found.launch_seconds) == ("a CPU", 1e-5)
    cells = ceiling_cells(found)
    assert cells[0] == {
        "backend": "jax",
        "device": "cpu: a CPU",
        "what": "matrix product, float32",
        "best": "4e-09 TFLOP/s",
    }
    assert cells[-1]["best"] == "10.0 µs"


def test_a_backends_own_error_of_memory_ends_the_search(monkeypatch):
    class OutOfMemoryError(Exception):
        pass

    def product(side, precision):
        if side > 10:
            raise OutOfMemoryError("OOM when allocating")
        return "product"

    backend = SimpleNamespace(
        kind=lambda: "gpu",
        name=lambda: "a GPU",
        is_out_of_memory=lambda error: isinstance(error, OutOfMemoryError),
        matrix_product=product,
        convolution=lambda *_: "convolution",
        accumulate=lambda numbers: "add",
        nothing=lambda: "nothing",
    )
    monkeypatch.setattr(ceilings, "PRODUCTS", {10: 2000, 20: 16_000})
    monkeypatch.setattr(ceilings, "CONVOLUTIONS", {(1, 2, 3): 648})
    monkeypatch.setattr(ceilings, "seconds_of_a_call", lambda call, budget: 1.0)
    found = ceilings.measure_ceilings(backend, "torch", "", ["float32"], 1e9)
    assert found.matrix_flops_per_second == {"float32": 2000}
    assert found.device_name == "a GPU"
