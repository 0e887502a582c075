"""Run by the interpreter of fairlearn's environment: its figures by group, as JSON.

    python fairlearn_oracle.py FILE.npz

The file holds `labels` and `reviewed`, 0 or 1, `probabilities`, and `group`, whole numbers, with a place an applicant.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from fairlearn.metrics import (  # type: ignore[import-not-found]
    MetricFrame,
    false_positive_rate,
    mean_prediction,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import precision_score


def main(path: str) -> None:
    """Print each figure of each group, and its ratio to that of all other applicants."""
    arrays = np.load(path)
    labels, reviewed, group = arrays["labels"], arrays["reviewed"], arrays["group"]
    metrics = {
        "selection_rate": selection_rate,
        "false_positive_rate": false_positive_rate,
        "true_positive_rate": true_positive_rate,
        "precision": precision_score,
    }

    def frame(members: np.ndarray) -> dict[str, dict[int, float]]:
        found = MetricFrame(metrics=metrics, y_true=labels, y_pred=reviewed, sensitive_features=members).by_group
        means = MetricFrame(
            metrics={"mean_probability": mean_prediction},
            y_true=labels,
            y_pred=arrays["probabilities"],
            sensitive_features=members,
        ).by_group
        rates = MetricFrame(
            metrics={"positive_rate": selection_rate}, y_true=labels, y_pred=labels, sensitive_features=members
        ).by_group
        return {
            name: {int(k): float(v) for k, v in column.items()}
            for name, column in found.join(means).join(rates).items()
        }

    ratios = {}
    for name in np.unique(group):
        found = frame((group == name).astype(int))
        ratios[int(name)] = {metric: values[1] / values[0] for metric, values in found.items()}
    json.dump({"figures": frame(group), "ratios": ratios}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
