"""Affinity matrices, and the tree of tasks that transfer to the same targets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from cai_keras.data.task_transfers import SELF, Transfer
from cai_keras.errors import UsageError

# Figure 7 shows exp(-20 P): reproduced from the published affinities (correlation 0.98
# with the printed picture); the number is in no text.
BETA = 20.0


@dataclass(frozen=True)
class AffinityMatrix:
    """First-order affinities: rows are targets, columns sources.

    values: float (targets, sources); nan where there is no such transfer.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    values: np.ndarray

    def dissimilarities(self) -> np.ndarray:
        """exp(-20 P), in [0, 1]: the lower, the better the transfer."""
        return np.exp(-BETA * self.values)


def affinity_matrix(transfers: Iterable[Transfer]) -> AffinityMatrix:
    """First-order transfers, each target's divided by their sum.

    In the published files a target's affinities of all orders together sum to 1; as
    Figure 7 shows them, those of first order do. Names are sorted, `self` comes last.
    """
    single = [t for t in transfers if t.order == 1]
    targets = sorted({t.target for t in single})
    sources = sorted({t.sources[0] for t in single}, key=lambda s: (s == SELF, s))
    values = np.full((len(targets), len(sources)), np.nan)
    for transfer in single:
        place = targets.index(transfer.target), sources.index(transfer.sources[0])
        values[place] = transfer.value
    values /= np.nansum(values, axis=1, keepdims=True)
    return AffinityMatrix(tuple(targets), tuple(sources), values)


@dataclass(frozen=True)
class TaskTree:
    """Ward's agglomeration of sources.

    merges: SciPy's linkage matrix, float (sources - 1, 4).
    """

    sources: tuple[str, ...]
    merges: np.ndarray

    def clusters(self, count: int) -> list[frozenset[str]]:
        """The sources in `count` groups, the largest first."""
        labels = fcluster(self.merges, count, criterion="maxclust")
        groups = [
            frozenset(np.array(self.sources)[labels == label].tolist())
            for label in np.unique(labels)
        ]
        return sorted(groups, key=lambda group: (-len(group), sorted(group)))


def task_tree(matrix: AffinityMatrix, leave_out: Sequence[str] = (SELF,)) -> TaskTree:
    """Sources are near each other that transfer as well to the same targets.

    Zamir et al. 2018, Figure 14: a source is the vector of its dissimilarities to all
    targets; Euclidean distance, Ward's linkage (which is not printed).

    Raises:
        UsageError: fewer than two sources, or a transfer is missing.
    """
    kept = [n for n, name in enumerate(matrix.sources) if name not in leave_out]
    features = matrix.dissimilarities()[:, kept].T
    if len(kept) < 2:
        raise UsageError(f"tree: it needs two sources, found {len(kept)}")
    if not np.isfinite(features).all():
        source, target = np.argwhere(~np.isfinite(features))[0]
        names = matrix.sources[kept[source]], matrix.targets[target]
        raise UsageError(f"tree: no transfer from {names[0]!r} to {names[1]!r}")
    names = tuple(matrix.sources[n] for n in kept)
    return TaskTree(names, linkage(features, "ward"))
