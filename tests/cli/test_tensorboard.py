"""`cai tensorboard` serves the runs, on this machine only, until it is ended.

One server for all questions; they go through TensorBoard's own HTTP interface.
"""

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
import yaml
from PIL import Image
from tensorboard.plugins.hparams.summary_v2 import hparams_pb

from cai_keras.cli.summary import write_summary
from cai_keras.reporting.event_files import Hyperparameters, Scalars, write_events
from cai_keras.reporting.hyperparameters import hyperparameters_of
from cai_keras.reporting.projector import Embeddings, write_projector
from cai_keras.reporting.record import write_record
from cai_keras.reporting.run_folder import RunFolder

PLACE = "siamese_one_shot/small"
SUMMARY = f"summary/{PLACE}/conv"
METRIC = "one_shot_accuracy_percent"
# Two seeds of a variant; the second's numbers are the first's plus 1 and plus 4.
LOSSES = ({10: 3.0, 20: 2.0}, {10: 4.0, 20: 6.0})
ACCURACIES = (60.0, 64.0)
RECIPE = {"train": {"steps": 800, "ema": None}}
ALL_STATES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


def _add_run(output, record, losses, accuracy):
    """Record, config and curves of a run; returns its folder."""
    folder = RunFolder.of(output, *PLACE.split("/"), record.run_name, record.seed)
    write_record(folder.record_path, record)
    folder.config_path.write_text(yaml.safe_dump({"recipe": RECIPE}))
    rows = [f"{step},train/net/total,{value}" for step, value in losses.items()]
    rows.append(f"20,test/{METRIC},{accuracy}")
    folder.metrics_path.write_text("\n".join(["step,metric,value", *rows, ""]))
    return folder


@pytest.fixture(scope="module")
def output(tmp_path_factory, siamese_record):
    """Two seeds of conv with event files of their own, one of pixels without."""
    output = tmp_path_factory.mktemp("runs")
    for seed, (losses, accuracy) in enumerate(zip(LOSSES, ACCURACIES, strict=True)):
        record = siamese_record(accuracy, seed=seed)
        folder = _add_run(output, record, losses, accuracy)
        own = folder.tensorboard
        write_events(own, [Hyperparameters(hyperparameters_of(record, RECIPE))])
        write_events(own / "train", [Scalars("net/total", losses)])
        write_events(own / "test", [Scalars(METRIC, {20: accuracy})])
    points = Embeddings(
        np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        {"character": ["a 1", "b 2"], "alphabet": ["a", "b"]},
        np.zeros((2, 4, 4), np.uint8),
    )
    write_projector(own / "embeddings", {"characters": points})
    pixels = siamese_record(16.0, variant="pixels", run_name="pixels")
    _add_run(output, pixels, {}, 16.0)
    figures = output / PLACE / "figures" / "glyphs"
    figures.mkdir(parents=True)
    Image.fromarray(np.zeros((5, 9), np.uint8)).save(figures / "progress.png")
    return output


class Server:
    """`cai tensorboard` on a free port, until `stop`."""

    def __init__(self, output):
        command = [sys.executable, "-m", "cai_keras", "tensorboard", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--output", str(output)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        give_up = threading.Timer(120, self.process.kill)
        give_up.start()
        self.said = []
        self.address = None
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(r"at (http://\S+)", line)
            if found:
                self.address = found[1].rstrip("/")
                break
        give_up.cancel()
        assert self.address, f"ended without an address: {self.said}"
        # Its pipe must not fill up while it serves.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def get(self, path: str, **query) -> bytes:
        address = f"{self.address}/data/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.read()

    def ask(self, path: str, **query):
        return json.loads(self.get(path, **query))

    def post(self, path: str, body) -> dict:
        request = urllib.request.Request(
            f"{self.address}/data/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def wait_for_data(self) -> None:
        """Its first look at the folder takes a moment, and shows run after run."""
        until = time.monotonic() + 60
        while not self._is_loaded() and time.monotonic() < until:
            time.sleep(0.2)

    def _is_loaded(self) -> bool:
        # Of two seeds train and test, mean, min and max, and pixels' seed.
        is_whole = len(self.ask("plugin/scalars/tags")) == 2 * 2 + 3 + 1
        others = [self.ask(f"plugin/{name}/tags") for name in ("text", "images")]
        return is_whole and all(others) and len(self.sessions()) == 3

    def sessions(self) -> list[dict]:
        """The rows of the HParams page."""
        request = {"allowedStatuses": ALL_STATES, "startIndex": 0, "sliceSize": 100}
        found = self.post("plugin/hparams/session_groups", request)
        return found.get("sessionGroups", [])

    def points(self, run: str, tag: str) -> list[tuple[int, float]]:
        found = self.ask("plugin/scalars/scalars", run=run, tag=tag)
        return [(step, value) for _, step, value in found]

    def stop(self) -> str:
        """Ends it; what it wrote on standard output."""
        self.process.terminate()
        self.process.wait(timeout=60)
        return self.process.stdout.read()


@pytest.fixture(scope="module")
def server(output):
    server = Server(output)
    try:
        server.wait_for_data()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def test_it_is_reachable_from_this_machine_only(server):
    assert re.fullmatch(r"http://localhost:\d+", server.address)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_runs_own_curves_are_served(server, seed):
    run = f"{PLACE}/conv/seed{seed}/tb"

    assert server.points(f"{run}/train", "net/total") == list(LOSSES[seed].items())
    assert server.points(f"{run}/test", METRIC) == [(20, ACCURACIES[seed])]


@pytest.mark.parametrize(
    ("name", "losses", "accuracy"),
    [
        # (3 + 4) / 2 and (2 + 6) / 2; (60 + 64) / 2.
        ("mean", [(10, 3.5), (20, 4.0)], 62.0),
        ("min", [(10, 3.0), (20, 2.0)], 60.0),
        ("max", [(10, 4.0), (20, 6.0)], 64.0),
    ],
)
def test_curves_over_seeds_are_runs_of_their_own(server, name, losses, accuracy):
    assert server.points(f"{SUMMARY}/{name}", "train/net/total") == losses
    assert server.points(f"{SUMMARY}/{name}", f"test/{METRIC}") == [(20, accuracy)]


def test_a_run_without_event_files_is_served_from_its_csv(server):
    run = f"summary/{PLACE}/pixels/seed0"

    assert server.points(run, f"test/{METRIC}") == [(20, 16.0)]


def test_hparams_has_the_keys_of_the_recipe_and_of_the_run(server):
    found = server.post("plugin/hparams/experiment", {"experimentName": ""})

    names = {info["name"] for info in found["hparamInfos"]}
    assert names == {"Paper", "Scale", "Seed", "Variant", "train.steps", "train.ema"}


def test_hparams_lists_every_run_with_its_final_metrics(server):
    rows = {}
    for group in server.sessions():
        (session,) = group["sessions"]
        values = group["hparams"]
        metrics = {
            "/".join(filter(None, (m["name"]["group"], m["name"]["tag"]))): m["value"]
            for m in session["metricValues"]
        }
        key = values["Variant"], values["Seed"]
        rows[key] = values["train.ema"], metrics[f"test/{METRIC}"]
    assert rows == {
        ("conv", 0.0): ("none", 60.0),
        ("conv", 1.0): ("none", 64.0),
        ("pixels", 0.0): ("none", 16.0),
    }


def test_a_none_would_have_hidden_its_run():
    with pytest.raises(TypeError):
        hparams_pb({"train.ema": None})


def test_the_claims_are_a_text_with_a_table(server):
    assert server.ask("plugin/text/tags") == {"summary/claims": ["siamese_one_shot"]}
    (text,) = server.ask(
        "plugin/text/text", run="summary/claims", tag="siamese_one_shot"
    )

    cells = re.findall(r"<td>(.*?)</td>", text["text"])
    assert "<th>Verdict</th>" in text["text"]
    first = cells.index("one_shot")
    # 92.0 is published; the mean of 60 and 64 is 62.
    assert cells[first + 1] == "92"
    assert cells[first + 2].startswith("62.00 ±")
    assert cells[first + 3 : first + 5] == ["2", "-30.00"]


def test_figures_over_runs_are_images(server):
    run = f"summary/{PLACE}/figures/glyphs"
    (entry,) = server.ask("plugin/images/images", run=run, tag="figures/progress")

    query = dict(urllib.parse.parse_qsl(entry["query"]))
    png = server.get("plugin/images/individualImage", **query)
    assert Image.open(io.BytesIO(png)).size == (9, 5)


def test_the_projector_shows_the_runs_embeddings(server):
    run = f"{PLACE}/conv/seed1/tb/embeddings"
    query = {"run": run, "name": "characters"}

    assert server.ask("plugin/projector/runs") == [run]
    (entry,) = server.ask("plugin/projector/info", run=run)["embeddings"]
    assert (entry["tensorName"], entry["tensorShape"]) == ("characters", [2, 3])
    assert entry["sprite"]["singleImageDim"] == [4, 4]
    tensor = np.frombuffer(server.get("plugin/projector/tensor", **query), "<f4")
    assert tensor.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    metadata = server.get("plugin/projector/metadata", **query).decode()
    assert metadata == "character\talphabet\na 1\ta\nb 2\tb\n"
    sprite = server.get("plugin/projector/sprite_image", **query)
    assert Image.open(io.BytesIO(sprite)).size == (8, 8)


# What it says, and how it ends


def test_it_says_what_it_brought_up_to_date_and_ends_when_told(output, server):
    # A second one on the same folder: the first has written the summary.
    second = Server(output)
    second.wait_for_data()

    said = second.stop()

    # mean, min, max, pixels' seed, figures, claims.
    line = f"TensorBoard's summary: {output / 'summary'}, 6 runs, up to date"
    assert said.splitlines() == [line]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(second.address, timeout=5)


@pytest.fixture
def served(monkeypatch):
    """The commands that would have taken this process's place."""
    commands = []
    monkeypatch.setattr(os, "execv", lambda path, command: commands.append(command))
    return commands


def test_a_first_call_says_what_it_wrote(cai, served, tmp_path, siamese_record):
    _add_run(tmp_path, siamese_record(60.0), LOSSES[0], 60.0)

    result = cai("tensorboard", "--output", tmp_path)

    assert result.code == 0
    line = f"TensorBoard's summary: {tmp_path / 'summary'}, 2 runs, 2 written\n"
    assert result.output == line
    (command,) = served
    assert command[command.index("--host") + 1] == "localhost"


def test_a_folder_that_cannot_be_written_is_served_as_it_is(
    cai, served, tmp_path, siamese_record
):
    _add_run(tmp_path, siamese_record(60.0), LOSSES[0], 60.0)
    (tmp_path / "summary").touch()  # root may write anywhere: a file is in the way

    result = cai("tensorboard", "--output", tmp_path)

    assert result.errors == (
        f"TensorBoard's summary is as it was: {tmp_path / 'summary'}: File exists\n"
    )
    assert len(served) == 1


def test_what_is_left_out_is_named(cai, served, tmp_path, siamese_record):
    folder = _add_run(tmp_path, siamese_record(60.0), LOSSES[0], 60.0)
    folder.metrics_path.write_bytes(b"\xff")

    result = cai("tensorboard", "--output", tmp_path)

    problem = f"left out: {folder.metrics_path}: not a table of metrics\n"
    assert result.errors == problem
    assert len(served) == 1


def test_training_ends_with_a_summary_that_is_up_to_date(tmp_path, siamese_record):
    _add_run(tmp_path, siamese_record(60.0), LOSSES[0], 60.0)

    write_summary(tmp_path, [], "small")

    assert list((tmp_path / SUMMARY / "seed0").glob("*tfevents*"))


def test_a_missing_folder_is_an_error_in_one_line(cai, served, tmp_path):
    result = cai("tensorboard", "--output", tmp_path / "none")

    assert result.code == 2
    assert "none: no such folder" in result.errors
    assert not served
