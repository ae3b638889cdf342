"""Style by optimisation: reads two pictures, minimises, writes one."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cai_keras.cli.output import console, say
from cai_keras.cli.progress import losses_text, make_reporter
from cai_keras.data.picture_files import (
    check_writable,
    fit_longer_side,
    picture_bytes,
    read_picture,
)
from cai_keras.errors import CaiError, UsageError
from cai_keras.reporting.atomic import write_atomic

_DEFAULT_SIZE = 512
# What the deepest layer of a feature network needs, with a margin.
_LEAST_SIDE = 32
# By eye, on photographs and paintings: see docs/stylize.md.
_CONTENT_WEIGHT = 1e-3


@dataclass(frozen=True)
class Search:
    """Options of the optimisation, as `cai stylize --help` says."""

    iterations: int = 200
    style_weight: float = 1.0
    smooth: float = 0.0
    features: str = "cai_vgg"
    pooling: str = "average"
    start: str = "content"
    minimiser: str = "lbfgs"
    seed: int = 0
    tile: int = 512


def check_output(out: Path, sources) -> None:
    """Raises UsageError if `out` cannot be written, before minutes of work."""
    check_writable(out)
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; expected a file such as {out}/out.png")
    if out.exists() and any(
        source.exists() and out.samefile(source) for source in sources
    ):
        raise UsageError(f"--out {out}: is one of the pictures that are read")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out.parent}: {error.strerror}") from error


def read_pair(content: Path, style: Path, size: int | None):
    """Both pictures; the content's longer side has `size` pixels, or at most 512.

    Raises:
        DataError: one cannot be read.
        UsageError: the content is too narrow for the features.
    """
    photograph, painting = read_picture(content), read_picture(style)
    if size is None:
        size = min(_DEFAULT_SIZE, max(photograph.shape[:2]))
    photograph = fit_longer_side(photograph, size)
    for path, picture in ((content, photograph), (style, painting)):
        height, width = picture.shape[:2]
        if min(height, width) < _LEAST_SIDE:
            raise UsageError(
                f"{path}: {width} x {height} pixels; expected sides of at least "
                f"{_LEAST_SIDE} (--size)"
            )
    return photograph, painting


def search(content: np.ndarray, style: np.ndarray, out: Path, asked: Search) -> None:
    """Minimises and writes; Ctrl-C writes the best picture of the newest size.

    Raises:
        CaiError: interrupted; says what was written.
    """
    from cai_keras.stylization.features import calibrated_features
    from cai_keras.stylization.minimisation import Minimiser, stylise
    from cai_keras.stylization.objective import (
        CONTENT_LAYERS,
        STYLE_LAYERS,
        LayerTerm,
        ObjectiveSettings,
        PerceptualObjective,
    )

    settings = ObjectiveSettings(
        LayerTerm(_CONTENT_WEIGHT, CONTENT_LAYERS, "johnson"),
        LayerTerm(asked.style_weight, STYLE_LAYERS, "gatys"),
        asked.smooth,
    )
    features = calibrated_features(asked.features, asked.pooling)
    objective = PerceptualObjective(features, settings)
    watch = _Watch(objective, out.name)
    began = time.monotonic()
    try:
        picture = stylise(
            objective,
            content,
            style,
            Minimiser(asked.minimiser, asked.iterations),
            start=asked.start,
            seed=asked.seed,
            tile_side=asked.tile,
            watch=watch,
        )
    except KeyboardInterrupt:
        watch.reporter.stop()
        if watch.best is None:
            raise
        _write(out, watch.best)
        raise CaiError(
            f"interrupted after {watch.count} of {watch.total} evaluations; "
            f"{out} is as far as it got"
        ) from None
    finally:
        watch.reporter.stop()
    _write(out, picture)
    height, width = picture.shape[:2]
    say(
        f"{out}: {width} x {height}, {watch.count} evaluations of {features.name} in "
        f"{time.monotonic() - began:.0f} s, {losses_text(watch.terms)}"
    )


class _Watch:
    """Shows progress and keeps the best picture of the newest size."""

    def __init__(self, objective, title: str):
        self.reporter = make_reporter(console)
        self.best: np.ndarray | None = None
        self.count = self.total = 0
        self.terms: dict = {}
        self._objective = objective
        self._title = title
        self._lowest = np.inf

    def __call__(self, count, total, terms, picture) -> None:
        if not self.count:
            self.reporter.start(self._title, total, 0, 1)
        self.count, self.total, self.terms = count, total, terms
        value = self._objective.total(terms)
        is_new_size = self.best is None or self.best.shape != picture.shape
        if is_new_size or value < self._lowest:
            self.best, self._lowest = np.array(picture), value
        self.reporter.advance(count, terms)


def _write(out: Path, picture: np.ndarray) -> None:
    try:
        write_atomic(out, picture_bytes(picture, out.suffix))
    except OSError as error:
        raise CaiError(f"{out}: {error.strerror}; nothing was written") from error
