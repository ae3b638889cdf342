"""What a device can do at best: products, convolutions, memory, and calls.

A product or convolution is made larger until its rate stops growing; the highest rate
is the peak, an operation being a multiplication or an addition. Bandwidth is that of
adding an array to another one in place: two numbers are read and one is written. The
arrays are far larger than a processor's last-level cache.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from benchmarks.rows import Ceilings
from benchmarks.stepping import Call

# Two sizes in a row that are no more than this share faster end a search.
_LEAST_GAIN = 0.03
_FLAT = 2
_BLOCKS = 3  # the best of so many
_GPU_COPY_BYTES = 1 << 30
_LEAST_COPY_BYTES = 1 << 28
_CACHES = 8  # a copied array is at least so many times the last-level cache
_LAUNCH_SECONDS = 0.3
_ADD_BYTES = 12  # that an addition moves: three numbers of four bytes

# Side of square matrices -> operations.
PRODUCTS = {side: 2 * side**3 for side in (256 << n for n in range(7))}
# (batch, side, channels) of a 3x3 convolution -> operations; from what a small network
# has to what fills an accelerator.
CONVOLUTIONS = {
    (batch, side, channels): 2 * batch * side**2 * 9 * channels**2
    for batch, side, channels in (
        (4, 28, 32), (8, 28, 64), (8, 28, 128), (16, 28, 256), (32, 28, 256),
        (32, 28, 512), (64, 56, 512), (128, 56, 512),
    )
}  # fmt: skip


def seconds_of_a_call(
    call: Call, budget: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one repetition: the best of a few blocks, compiled beforehand.

    A repetition that takes the whole budget is called twice only.
    """
    call(1)
    begin = clock()
    call(1)
    once = clock() - begin
    times = max(1, int(budget / _BLOCKS / max(once, 1e-9)))
    best, left = once, budget - once
    for _ in range(_BLOCKS):
        if left < once * times:
            break
        begin = clock()
        call(times)
        spent = clock() - begin
        best, left = min(best, spent / times), left - spent
    return best


def highest_rate(
    seconds_of: Callable[[Any], float],
    operations: Mapping[Any, int],
    budget: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Operations a second of the size that does most of them.

    Sizes are tried in their order. The search ends where two in a row bring less than
    3 % more, where one does not fit into memory, and where two calls of the next one
    would take longer than what is left of the budget.

    Args:
        seconds_of: size -> seconds of one call.
        operations: size -> its operations.
        budget: seconds.
    Raises:
        MemoryError: not even the first size fits.
    """
    best, flat, begin = 0.0, 0, clock()
    for size, count in operations.items():
        if best and 2 * count / best > budget - (clock() - begin):
            break
        try:
            rate = count / seconds_of(size)
        except MemoryError:
            if not best:
                raise
            break
        flat = 0 if rate > (1 + _LEAST_GAIN) * best else flat + 1
        best = max(best, rate)
        if flat == _FLAT:
            break
    return best


def measure_ceilings(
    backend: ModuleType,
    name: str,
    processor: str,
    precisions: Iterable[str],
    budget: float,
) -> Ceilings:
    """All ceilings of the backend's device.

    Args:
        backend: of `benchmarks.backends`.
        name: of the backend.
        processor: the name of a device that has none.
        precisions: float32, bfloat16, float16.
        budget: seconds for each precision of products, and of convolutions.
    """
    share = budget / 4  # of a size: most searches try four

    def peak(make, operations, precision):
        def seconds_of(size):
            sizes = size if isinstance(size, tuple) else (size,)
            with _memory_errors(backend):
                return seconds_of_a_call(make(*sizes, precision), share)

        return highest_rate(seconds_of, operations, budget)

    kind, numbers = backend.kind(), copied_bytes(backend.kind()) // 4
    copy = seconds_of_a_call(backend.accumulate(numbers), max(1.0, share))
    return Ceilings(
        backend=name,
        device=kind,
        device_name=backend.name() or processor,
        matrix_flops_per_second={
            one: peak(backend.matrix_product, PRODUCTS, one) for one in precisions
        },
        convolution_flops_per_second={
            one: peak(backend.convolution, CONVOLUTIONS, one) for one in precisions
        },
        copy_bytes_per_second=_ADD_BYTES * numbers / copy,
        launch_seconds=seconds_of_a_call(backend.nothing(), _LAUNCH_SECONDS),
    )


def copied_bytes(kind: str, cache: int | None = None, free: int | None = None) -> int:
    """Size of each array in the measurement of bandwidth.

    Args:
        kind: of device.
        cache, free: bytes of the last-level cache and of free memory; this machine's
            if None.
    """
    if kind != "cpu":
        return _GPU_COPY_BYTES
    cache = last_level_cache_bytes() if cache is None else cache
    free = psutil.virtual_memory().available if free is None else free
    return min(max(_LEAST_COPY_BYTES, _CACHES * cache), free // 4)


def last_level_cache_bytes() -> int:
    """Of a processor, as Linux tells it; 32 MiB where it does not."""
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    units = {"K": 1 << 10, "M": 1 << 20}
    try:
        text = (folders[-1] / "size").read_text().strip()
        return int(text[:-1]) * units[text[-1]]
    except (IndexError, OSError, KeyError, ValueError):
        return 32 << 20


@contextmanager
def _memory_errors(backend: ModuleType) -> Iterator[None]:
    """Within it a backend's own error of memory becomes Python's."""
    try:
        yield
    except Exception as error:
        if backend.is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise
