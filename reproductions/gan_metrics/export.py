"""From a trained judge to the file of weights that extractors are loaded from."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras

from cai_keras.data.classification import load_classification
from cai_keras.networks.small_classifier import (
    load_small_classifier,
    save_small_classifier,
)
from cai_keras.reporting.atomic import write_atomic
from cai_keras.training.classifier import count_errors


@dataclass(frozen=True)
class ExportedJudge:
    """A judge as its two files, and how good it is as they hold it.

    Attributes:
        weights, about: contents of the `.npz` and of the `.json` beside it.
        error_percent: top-1 on the test images.
    """

    weights: bytes
    about: bytes
    error_percent: float

    def write(self, path: Path) -> None:
        """Writes `path` and the JSON beside it."""
        write_atomic(path, self.weights)
        write_atomic(path.with_suffix(".json"), self.about)


def export_judge(recipe, weights: Path, run: dict) -> ExportedJudge:
    """Folds batch normalisation, halves the precision, tests what the file then holds.

    Args:
        recipe: of the run.
        weights: `classifier.keras` of the run.
        run: what the file is to say of it.
    """
    found = load_classification(recipe.data.spec)
    network = keras.saving.load_model(weights)
    about = {
        "data": {"name": found.info.name, "version": found.info.version},
        "run": run,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "judge.npz"
        save_small_classifier(network, path, about)
        error = _test_error(path, found.test)
        about["test"] = {"top1_error_percent": error, "images": len(found.test.labels)}
        save_small_classifier(network, path, about)
        return ExportedJudge(
            path.read_bytes(), path.with_suffix(".json").read_bytes(), error
        )


def _test_error(path: Path, test) -> float:
    judge, _ = load_small_classifier(path)
    network = keras.Model(judge.input, judge.output["logits"])
    counts = count_errors(network, [(test.pixels, test.labels)], 250)
    return counts.error_percent().value
