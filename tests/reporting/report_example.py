"""Papers, runs and rows made up for the tests of the web page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from cai_keras.reporting.damage import read_sound_runs
from cai_keras.reporting.finished import FinishedRun
from cai_keras.reporting.page import to_html
from cai_keras.reporting.record import Record, write_record
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.reporting.table import PaperClaims, Row, build_rows
from cai_keras.training.config import Paper, load_paper

METRIC = "test/accuracy_percent"
_BASE = Path(__file__).parents[2] / "reproductions/siamese_one_shot/config.yaml"


@dataclass
class Example:
    """An output folder with its papers; `page()` is the page of what lies there now."""

    output: Path
    papers: list[Paper]

    def add(self, record: Record, curve: str = "") -> RunFolder:
        """Writes a run; `curve` is the text of its metrics.csv."""
        place = (record.paper, record.scale, record.run_name, record.seed)
        folder = RunFolder.of(self.output, *place)
        write_record(folder.record_path, record)
        if curve:
            folder.metrics_path.write_text("step,metric,value\n" + curve)
        return folder

    def runs(self) -> list[FinishedRun]:
        return read_sound_runs(self.output)[0] if self.output.is_dir() else []

    def rows(self) -> list[Row]:
        claims = [
            PaperClaims(
                slug=paper.slug,
                claims=paper.file.claims,
                paper_steps=dict.fromkeys(paper.variants, 10),
                seeds=dict.fromkeys(paper.variants, (0, 1)),
            )
            for paper in self.papers
        ]
        return build_rows(claims, [run.record for run in self.runs()])

    def page(self) -> str:
        return to_html(self.rows(), self.papers, self.runs(), self.output)


def write_paper(folder: Path, slug: str = "some_paper", **changes: Any) -> Paper:
    """A paper with variants `method` and `plain`; `changes` replace top-level keys."""
    own = {
        "paper": {
            "title": f"The title of {slug}", "authors": "A. Author", "year": 2015,
            "venue": "CVPR", "arxiv": "1512.03385", "datasets": ["cifar10"],
        },
        "networks": [
            {"variant": "method", "network": "net", "parameters": 1234567,
             "source": "Table 9"},
        ],
        "claims": [value_claim(), effect_claim()],
        "figures": [
            {"id": "trials", "of": "run", "source": "ours: the task",
             "caption": "What was asked, and the answers."},
            {"id": "accuracies", "of": "runs", "source": "Table 2",
             "caption": "Bars, one for each method."},
        ],
        "variants": {"method": {}, "plain": {}},
        "deviations": [
            {"field": "train.steps", "paper": "64k", "ours": "32k", "why": "shorter"},
        ],
    }  # fmt: skip
    config = {**yaml.safe_load(_BASE.read_text()), **own, **changes}
    place = folder / slug
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return load_paper(place)


def value_claim(**changes: Any) -> dict[str, Any]:
    claim = {
        "id": "number", "kind": "value", "variant": "method", "metric": METRIC,
        "better": "higher", "value": 90.0, "tolerance": 1.0, "source": "Table 1, row 2",
    }  # fmt: skip
    return {**claim, **changes}


def effect_claim(**changes: Any) -> dict[str, Any]:
    claim = {
        "id": "effect", "kind": "effect", "variant": "method", "baseline": "plain",
        "metric": METRIC, "better": "higher", "margin": 5.0, "published": 7.5,
        "source": "Table 1, rows 1 and 2",
    }  # fmt: skip
    return {**claim, **changes}


def write_png(path: Path, size=(8, 6), colour="red", mode="RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path
