"""A process that stands in for one run of a batch: the environment says how it behaves.

It speaks as `cai_keras.cli.single_run` does: events into a pipe, and a record.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from cai_keras.reporting.record import read_record, write_record
from cai_keras.reporting.run_folder import RunFolder

arguments = json.loads(sys.argv[1])
folder = RunFolder.of(
    Path(arguments["output"]),
    arguments["paper"],
    arguments["scale"],
    arguments["variant"],
    arguments["seed"],
)
events = os.fdopen(int(os.environ["CAI_EVENTS"]), "w", buffering=1)


def tell(**event) -> None:
    events.write(json.dumps(event) + "\n")


def record(state: str, reason: str | None = None) -> None:
    template = read_record(Path(os.environ["FAKE_RECORD"]))
    changes = {"state": state, "reason": reason, "seed": arguments["seed"]}
    write_record(folder.record_path, template.model_copy(update=changes))


def note(text: str) -> None:
    """A line in a log that all processes share."""
    with open(os.environ["FAKE_LOG"], "a") as log:
        log.write(f"{time.monotonic()} {arguments['seed']} {text}\n")


def stop(*_) -> None:
    record("interrupted", "stopped after step 1")
    tell(event="failed", text="stopped after step 1")
    sys.exit(1)


behaviour = os.environ["FAKE_BEHAVIOURS"].split(",")[arguments["seed"]]
note("began")
tell(event="start", total=10, done=0, batch_size=4)
record("running")
if behaviour == "dies":
    print("the last words")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
if behaviour == "raises":
    raise ValueError("no such layer")
if behaviour == "fails":
    record("failed", "the loss is nan")
    tell(event="failed", text="the loss is nan")
    sys.exit(1)
if behaviour == "waits":
    signal.signal(signal.SIGTERM, stop)
    note("waiting")
    time.sleep(60)
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("waiting")
    time.sleep(60)
if behaviour == "environment":
    names = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH")
    note(json.dumps({name: os.environ.get(name) for name in names}))
tell(event="advance", done=10, losses={"net/loss": 0.5})
time.sleep(0.1)
record("done")
note("ended")
tell(event="done", text="accuracy 97")
