"""What commands share that turn a finished run into a file of weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cai_keras.errors import GateError, UsageError
from cai_keras.reporting.record import Record
from cai_keras.reporting.run_folder import find_run
from cai_keras.training.config import load_resolved


@dataclass(frozen=True)
class TrainedRun:
    """A finished run and the network that it left.

    Attributes:
        path: of the run's folder.
        network: file of the network, as Keras saved it.
    """

    path: Path
    record: Record
    recipe: Any
    network: Path

    def about(self) -> dict:
        """What a file of weights says of the run that it is from."""
        record = self.record
        return {
            "paper": record.paper,
            "scale": record.scale,
            "variant": record.variant,
            "seed": record.seed,
            "steps": record.steps_done,
            "code": record.code,
            "overrides": list(self.recipe.overrides),
        }

    def check_error(self, percent: float, at_most: float) -> str:
        """A line about the test error of the weights in half precision.

        Raises:
            GateError: it is larger than it may be.
        """
        told = f"{percent:.2f} % test error with half-precision weights"
        if percent > at_most:
            raise GateError(f"{self.path}: {told}; expected at most {at_most:g} %")
        return told


def trained_run(
    run: Path, output: Path, paper: str, variant: str | None = None
) -> TrainedRun:
    """Before TensorFlow is loaded.

    Args:
        run: its folder.
        output: where weights are to go.
        variant: that it must be of; None for any.
    Raises:
        UsageError: `output` is no .npz; no such run, not of this paper or variant, not
            finished, or its network is gone.
    """
    if output.suffix != ".npz":
        raise UsageError(f"--output: expected a name that ends in .npz, found {output}")
    folder = find_run(run)
    record = folder.record()
    is_wanted = record.paper == paper and variant in (None, record.variant)
    if not is_wanted or record.state != "done":
        wanted = paper if variant is None else f"{paper}, variant {variant}"
        raise UsageError(
            f"{folder.path}: expected a finished run of {wanted}; found one of "
            f"{record.paper}, variant {record.variant}, that is {record.state}"
        )
    network = folder.checkpoints / "classifier.keras"
    if not network.is_file():
        raise UsageError(f"{network}: no such file; train the run again")
    recipe = load_resolved(folder.config_path, paper)
    return TrainedRun(folder.path, record, recipe, network)
