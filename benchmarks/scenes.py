"""Images a second of the scene generator, in one process and in several.

    python -m benchmarks.scenes [--side 64] [--pairs] [--processes 2] [--seconds 5]

`cai bench scenes` is the same. An image counts with all of its targets; of a pair its
three views count as one. Processes are started and warmed up before they are measured;
all of them render other scenes for the same number of seconds, with one thread each.
"""

import argparse
import multiprocessing
import time
from typing import Any

from cai_keras.cli.output import say
from cai_keras.data.scenes.example import Settings, render

_WARM_UP = 5  # images
_READY_SECONDS = 120  # that a process may take to start


def run(
    side: int = 64, with_pairs: bool = False, processes: int = 2, seconds: float = 5.0
) -> list[dict[str, Any]]:
    """Measures one process, then several at once; prints a line for each.

    Returns:
        a row for each number of processes: `processes`, `images_per_second`,
        `cpu_milliseconds` of one image.
    """
    rows = []
    for count in sorted({1, processes}):
        row = measure(Settings(side=side, with_pairs=with_pairs), count, seconds)
        rows.append(row)
        what = "triples" if with_pairs else "images"
        say(
            f"{side} x {side}, {count} process{'es' if count > 1 else ''}: "
            f"{row['images_per_second']:,.0f} {what}/s, "
            f"{row['cpu_milliseconds']:.1f} ms of CPU each"
        )
    return rows


def measure(settings: Settings, processes: int, seconds: float) -> dict[str, Any]:
    """One row of `run`."""
    # Not forked: TensorFlow, where it is loaded, does not survive that.
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(number, settings, seconds, start, results))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=_READY_SECONDS + 2 * seconds) for _ in workers]
    for worker in workers:
        worker.join()
    images = sum(count for count, _, _ in found)
    return {
        "processes": processes,
        "images_per_second": sum(count / wall for count, wall, _ in found),
        "cpu_milliseconds": 1000 * sum(cpu for _, _, cpu in found) / images,
    }


def _work(number: int, settings: Settings, seconds: float, start, results) -> None:
    """Puts (images, wall seconds, CPU seconds)."""
    for image in range(_WARM_UP):
        render([number, 0, image], settings)
    start.wait(_READY_SECONDS)
    images, before, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - before < seconds:
        render([number, 1, images], settings)
        images += 1
    wall = time.perf_counter() - before
    results.put((images, wall, time.process_time() - cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64, help="of the images, in pixels")
    parser.add_argument("--pairs", action="store_true", help="second views as well")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    run(given.side, given.pairs, given.processes, given.seconds)


if __name__ == "__main__":
    main()
