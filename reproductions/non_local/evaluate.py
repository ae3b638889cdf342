"""Top-1 and top-5 accuracy, the softmax averaged over the views of each example."""

import numpy as np
from scipy.special import softmax

from cai_keras.metrics.top_k_error import top_k_error_percent
from cai_keras.reporting.record import Metric
from cai_keras.training.inference import predict_in_batches


def accuracies(network, views, batch_size: int) -> dict[str, Metric]:
    """Percent of examples whose class is the best, or among the best five.

    Args:
        network: from clips to logits.
        views: iterable of {"clip", "label", "owner"}; owners count from 0.
    """
    sums, labels = np.zeros((views.count, network.output_shape[-1])), {}
    for batch in views:
        logits = predict_in_batches(network, batch["clip"], batch_size)
        np.add.at(sums, batch["owner"], softmax(logits.astype(np.float64), axis=-1))
        labels.update(
            zip(batch["owner"].tolist(), batch["label"].tolist(), strict=True)
        )
    right = np.array([labels[owner] for owner in range(views.count)])
    return {f"top{k}_accuracy_percent": _top(sums, right, k) for k in (1, 5)}


def _top(scores, labels, k: int) -> Metric:
    # Of k classes or fewer the right one is always among the best k.
    wrong = top_k_error_percent(scores, labels, k) if k < scores.shape[1] else 0.0
    return Metric.of(100 - wrong, len(labels))
