"""Parts of enlarged pictures side by side, as different losses taught to draw them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cai_keras.reporting.paper_figures import NothingToDraw
from cai_keras.reporting.progress_pictures import progress_of
from cai_keras.reporting.run_groups import by_variant, data_title
from cai_keras.reporting.style import figure_style

LOSSES = {
    "pixel": "pixel loss",
    "feature": "feature loss",
    "feature_random": "feature loss, random features",
}
_FACTORS = (4, 8)
PICTURES = 3  # of each factor
STRIP = "enlarged_{}"  # the name of what a run shows of a test picture
_SIDES = 3  # of a strip: original, bicubic, ours


def draw_crops(runs) -> Figure:
    """Rows of test pictures: original, bicubic, and a column for each loss.

    Of each variant the run with the smallest seed that has kept its pictures.

    Args:
        runs: list of `FinishedRun` of one scale and one data set.
    """
    found = by_variant(runs, lambda run: bool(_strips(run)))
    firsts = {variant: members[0] for variant, members in found.items()}
    strips = {variant: _strips(run) for variant, run in firsts.items()}
    rows = [
        (factor, number)
        for factor in _FACTORS
        for number in range(PICTURES)
        if any(
            variant.startswith(f"sr{factor}_") and number in kept
            for variant, kept in strips.items()
        )
    ]
    losses = [x for x in LOSSES if any(v.endswith(f"_{x}") for v in firsts)]
    if not rows:
        raise NothingToDraw("no super-resolution run has kept its pictures")
    columns = 2 + len(losses)
    with figure_style():
        figure, axes = plt.subplots(
            len(rows), columns, figsize=(1.9 * columns, 2.1 * len(rows)), squeeze=False
        )
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set_visible(False)
        for line, (factor, number) in zip(axes, rows, strict=True):
            line[0].set_ylabel(f"enlarged {factor} times", fontsize=8)
            for place, loss in enumerate(losses, start=2):
                variant = f"sr{factor}_{loss}"
                strip = strips.get(variant, {}).get(number)
                if strip is not None:
                    _draw(line, place, strip, firsts[variant].record, number)
        titles = ["original", "bicubic", *(LOSSES[loss] for loss in losses)]
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title.replace(", ", ",\n"), fontsize=8)
        record = next(iter(firsts.values())).record
        figure.suptitle(data_title(record), fontsize=9)
    return figure


def _draw(line, place: int, strip: np.ndarray, record, number: int) -> None:
    """Shows a strip's parts and scores; original and bicubic are those of any run."""
    for column, part in zip((0, 1, place), np.split(strip, _SIDES, 1), strict=True):
        line[column].imshow(part)
    line[1].set_xlabel(_scores(record, "_bicubic", number), fontsize=7)
    line[place].set_xlabel(_scores(record, "", number), fontsize=7)


def _scores(record, suffix: str, number: int) -> str:
    """Of the whole picture, as the metrics are."""
    psnr = record.series[f"psnr_y{suffix}"][number]
    ssim = record.series[f"ssim_y{suffix}"][number]
    return f"{psnr:.2f} dB, SSIM {ssim:.3f}"


def _strips(run) -> dict[int, np.ndarray]:
    """Number of the test picture -> its newest strip; only of runs with scores."""
    if "psnr_y" not in run.record.series:
        return {}
    found = {}
    for number in range(PICTURES):
        files = progress_of(run.folder, STRIP.format(number))
        if files:
            found[number] = np.asarray(Image.open(files[max(files)]))
    return found
