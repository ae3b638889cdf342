"""What a run writes while it runs: metrics.csv, TensorBoard events, log.txt."""

import contextlib
import csv
import datetime
import io
from collections.abc import Iterator, Mapping

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from cai_keras.reporting.atomic import write_atomic
from cai_keras.reporting.run_folder import RunFolder
from cai_keras.training.failures import writing

COLUMNS = ("step", "metric", "value")


class RunLog:
    """Writes scalars to `metrics.csv` and TensorBoard, and lines to `log.txt`.

    All is on disk when a method returns; a full disk is a `WriteError`.

    Args:
        folder: of the run.
        first_step: rows of later steps are dropped: a resumed run repeats them.
        is_trained: only the evaluation after training is left to do, and repeated.
    """

    def __init__(self, folder: RunFolder, first_step: int, is_trained: bool = False):
        self._folder = folder
        folder.path.mkdir(parents=True, exist_ok=True)
        with writing(folder.metrics_path):
            _cut_csv(folder, first_step, is_trained)
        self._csv_file = open(folder.metrics_path, "a", newline="")  # noqa: SIM115
        self._csv = csv.writer(self._csv_file, lineterminator="\n")
        self._text = open(folder.log_path, "a")  # noqa: SIM115
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers under `tb/<group>` and to metrics.csv as `<group>/<name>`."""
        with self._events(group, step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        with writing(self._folder.metrics_path):
            for name, value in values.items():
                self._csv.writerow((step, f"{group}/{name}", repr(float(value))))
            self._csv_file.flush()

    def figure(self, group: str, step: int, name: str, png: bytes) -> None:
        """Writes an encoded picture under `tb/<group>`."""
        picture = tf.io.decode_png(png, channels=4)[None]
        with self._events(group, step):
            tf.summary.image(f"figures/{name}", picture)

    def hyperparameters(self, values: Mapping[str, bool | int | float | str]) -> None:
        """Writes a row of TensorBoard's HParams page.

        Into `tb` itself: the page shows the metrics of the folders below it. Each run
        has a row of its own: of seeds with one name it would show the first one's.
        """
        with self._events("", step=0):
            hparams.hparams(dict(values), trial_id="")

    def message(self, text: str) -> None:
        """Adds a line with the time to log.txt."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with writing(self._folder.log_path):
            self._text.write(f"{now} {text}\n")
            self._text.flush()

    def close(self) -> None:
        # What is still to be written could not be written before, and somebody has
        # been told.
        for file in (*self._writers.values(), self._csv_file, self._text):
            with contextlib.suppress(OSError, tf.errors.OpError):
                file.close()

    @contextlib.contextmanager
    def _events(self, group: str, step: int) -> Iterator[None]:
        """Within it `tf.summary` writes under `tb/<group>`, or into `tb` for ""."""
        path = self._folder.tensorboard / group
        with writing(path):
            if group not in self._writers:
                self._writers[group] = tf.summary.create_file_writer(str(path))
            with self._writers[group].as_default(step=step):
                yield


def _cut_csv(folder: RunFolder, first_step: int, is_trained: bool) -> None:
    rows = []
    if folder.metrics_path.exists():
        with open(folder.metrics_path, newline="") as file:
            for row in csv.reader(file):
                # A killed writer can leave half a row at the end.
                if len(row) != 3 or not row[0].isdigit():
                    continue
                step, is_train = int(row[0]), row[1].startswith("train/")
                repeated = is_trained and step == first_step and not is_train
                if 0 < step <= first_step and not repeated:
                    rows.append(row)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_atomic(folder.metrics_path, text.getvalue())
