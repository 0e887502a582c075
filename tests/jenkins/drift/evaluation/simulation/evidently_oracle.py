"""Run by the interpreter of Evidently's environment: its distances of columns, as JSON.

    python evidently_oracle.py FILE.npz

The file holds `reference` and `current`, floats with a row a sample and a column a variable, and `reference_bins` and
`current_bins`, whole numbers that stand for categories.
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

from evidently import DataDefinition, Dataset, Report  # type: ignore[import-not-found] # noqa: E402
from evidently.metrics import ValueDrift  # type: ignore[import-not-found] # noqa: E402


def main(path: str) -> None:
    """Print the default distance of each column, and PSI and Jensen-Shannon distance of its bins."""
    arrays = np.load(path)
    numbers = [f"x{column}" for column in range(arrays["reference"].shape[1])]
    bins = [f"b{column}" for column in range(arrays["reference_bins"].shape[1])]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=bins)
    current, reference = (
        Dataset.from_pandas(
            pd.concat(
                [
                    pd.DataFrame(arrays[side], columns=numbers),
                    pd.DataFrame(arrays[f"{side}_bins"], columns=bins).astype(str),
                ],
                axis=1,
            ),
            data_definition=definition,
        )
        for side in ("current", "reference")
    )
    wanted = [
        *(ValueDrift(column=name) for name in numbers),
        *(ValueDrift(column=name, method="psi") for name in bins),
        *(ValueDrift(column=name, method="jensenshannon") for name in bins),
    ]
    values = [float(metric["value"]) for metric in Report(wanted).run(current, reference).dict()["metrics"]]
    count = len(bins)
    json.dump(
        {"default": values[: len(numbers)], "psi": values[-2 * count : -count], "jensen_shannon": values[-count:]},
        sys.stdout,
    )


if __name__ == "__main__":
    main(sys.argv[1])
