"""Writes the golden file: values, gradients and seconds of tensorflow-addons.

    python reference.py --output FOLDER [--rounds 30] [--only NAME]

It runs in the isolated environment, where `make.py` calls it, and imports nothing of
the project. `golden.npz` gets the arrays, under case/input/name, case/output/name and
case/gradient/name; `golden.json` the versions, the machine, each case's settings and
its seconds on larger inputs.
"""

import argparse
import importlib.metadata
import json
import os
import platform
from pathlib import Path

import numpy as np
import tensorflow as tf
from graph import time_calls, values_of
from inputs import CASES, factors_for
from original_optimizers import ORIGINAL_OPTIMIZERS
from originals import ORIGINALS

PACKAGES = ("tensorflow", "tensorflow-addons", "keras", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", help="a case; its values are printed, not written")
    options = parser.parse_args()
    originals = {**ORIGINALS, **ORIGINAL_OPTIMIZERS}
    arrays, cases = {}, {}
    for case in CASES:
        if options.only not in (None, case.name):
            continue
        print(f"{case.name}: tfa.{case.original}", flush=True)
        prepare = originals[case.name]

        def factors(output, shape, name=case.name):
            return factors_for(name, output, shape)

        given = case.arrays()
        outputs, gradients = values_of(prepare(given, case.settings), factors)
        for kind, found in (
            ("input", given), ("output", outputs), ("gradient", gradients)
        ):  # fmt: skip
            for name, array in found.items():
                arrays[f"{case.name}/{kind}/{name}"] = array
        large = prepare(case.arrays(is_large=True), case.settings)
        seconds = time_calls(large, factors, options.rounds)
        cases[case.name] = {
            "original": f"tfa.{case.original}",
            "settings": case.settings,
            "shapes": {n: a.shape for n, a in case.arrays(is_large=True).items()},
            "seconds": {
                name: [round(value, 7) for value in values]
                for name, values in seconds.items()
            },
        }
    if options.only:
        print(arrays)
        return
    header = {"schema_version": 1, "machine": _machine(), "rounds": options.rounds}
    folder = options.output
    write(folder / "golden.npz", lambda file: np.savez_compressed(file, **arrays))
    text = json.dumps({**header, "cases": cases}, indent=1) + "\n"
    write(folder / "golden.json", lambda file: file.write(text.encode()))


def write(path: Path, fill) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            fill(file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _machine() -> dict:
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return {
        "cpu": _cpu_name(),
        "intra_op_threads": threads or len(os.sched_getaffinity(0)),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
