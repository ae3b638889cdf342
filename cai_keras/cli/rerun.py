"""Trains one recorded run again, in this process: what `cai verify` starts.

    python -m cai_keras.cli.rerun RUN OUTPUT

A process of its own, because the number of threads and the Keras backend, which
change the last bits of a sum, can only be set before TensorFlow starts.
"""

import os
import sys
from pathlib import Path

from cai_keras.cli import papers
from cai_keras.cli.framework import load_tensorflow, set_threads
from cai_keras.cli.output import console
from cai_keras.cli.progress import make_reporter
from cai_keras.errors import CaiError, UsageError
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import RunFolder, find_run
from cai_keras.training.code_digest import code_digest
from cai_keras.training.config import load_resolved


def rerun(run: Path, output: Path) -> Record:
    """Trains the run in `run` again below `output`: its config, seed and threads.

    Raises:
        UsageError: the run's config or backend cannot be had here, or `output` holds
            this run already.
        RunError: training or evaluation failed.
    """
    source = find_run(run)
    record = source.record()
    paper = papers.find_paper(record.paper)
    recipe = load_resolved(source.config_path, paper.slug)
    folder = RunFolder.of(
        output, record.paper, record.scale, record.run_name, record.seed
    )
    if folder.record_path.exists():
        raise UsageError(f"{folder.path}: holds a run; choose another --output")
    os.environ["KERAS_BACKEND"] = record.backend
    load_tensorflow()
    set_threads(record.machine.intra_op_threads, record.machine.inter_op_threads)
    load_tensorflow(logical_cpus=_cpus_of(record))
    from cai_keras.training import distribution, engine

    # The record of another backend names that in the strategy's place.
    is_strategy = record.strategy in distribution.STRATEGIES
    request = engine.RunRequest(
        recipe=recipe,
        seed=record.seed,
        folder=folder,
        paper_datasets=tuple(paper.file.paper.datasets),
        strategy=record.strategy if is_strategy else None,
        code=code_digest(paper.folder),
    )
    return engine.run(request, papers.builder_of(paper), make_reporter(console))


def _cpus_of(record: Record) -> int:
    """The devices that the CPU was cut into."""
    cpus = [name for name in record.machine.devices if "CPU:" in name.upper()]
    return max(1, len(cpus))


def main() -> None:
    """The process: errors as the command line shows them."""
    try:
        run, output = map(Path, sys.argv[1:])
        rerun(run, output)
    except CaiError as error:
        print(f"cai: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
