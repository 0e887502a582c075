"""The real rows on which the converted model is proven equal to the trained one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def proving_rows(x: NDArray[np.float32], seed: int, minimum: int) -> NDArray[np.float32]:
    """All applications [N, 10], filled up to `minimum` rows when there are fewer.

    A filled-in row takes each value from another application, drawn with replacement: values as they occur, in
    combinations that are new. Repeating whole rows would compare nothing that was not compared before.
    """
    missing = minimum - len(x)
    if missing <= 0:
        return x
    rng = np.random.default_rng(seed)
    filled = np.column_stack([rng.choice(column, missing) for column in x.T])
    return np.concatenate([x, filled])
