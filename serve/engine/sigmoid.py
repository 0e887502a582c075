"""Log-odds -> probabilities, as the graph and XGBoost compute them: 1 / (1 + exp(min(-margin, 88.7))).

Only exp is our own, because numba calls libm for one number at a time. It is Cephes' expf (Moshier, `expf.c`): reduce
by n * ln 2 in two steps, a polynomial of degree 5 for the remainder, scale by 2^n. Within 2e-7 of exp, relative,
without fused operations, so that results are bit-equal on every processor.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

LARGEST_EXPONENT: Final = np.float32(88.7)
"""XGBoost's clamp (`common::Sigmoid`, src/common/math.h): beyond it exp leaves float32."""

SMALLEST_EXPONENT: Final = np.float32(-87.0)
"""1 + exp(-87) is 1 in float32 already; below, 2^n would be subnormal."""

LOG2_E: Final = np.float32(1.44269504088896341)
LN2_HIGH: Final = np.float32(0.693359375)
LN2_LOW: Final = np.float32(-2.12194440e-4)
C0: Final = np.float32(1.9875691500e-4)
C1: Final = np.float32(1.3981999507e-3)
C2: Final = np.float32(8.3334519073e-3)
C3: Final = np.float32(4.1665795894e-2)
C4: Final = np.float32(1.6666665459e-1)
C5: Final = np.float32(5.0000001201e-1)
HALF: Final = np.float32(0.5)
ONE: Final = np.float32(1.0)
EXPONENT_BIAS: Final = np.int32(127)
MANTISSA_BITS: Final = np.int32(23)


def sigmoid(margin: Any) -> Any:
    """Probability of one margin, float32; source of compiled code."""
    x = max(min(-margin, LARGEST_EXPONENT), SMALLEST_EXPONENT)
    n = np.floor(x * LOG2_E + HALF)
    r = x - n * LN2_HIGH
    r -= n * LN2_LOW
    y = ((((C0 * r + C1) * r + C2) * r + C3) * r + C4) * r + C5
    y = y * (r * r) + r + ONE
    # Two factors, because 2^128 is not a float32, but 2^128 * 0.99 is.
    whole = np.int32(n)
    half = whole >> np.int32(1)
    low = np.int32((half + EXPONENT_BIAS) << MANTISSA_BITS).view(np.float32)
    high = np.int32((whole - half + EXPONENT_BIAS) << MANTISSA_BITS).view(np.float32)
    return ONE / (ONE + y * low * high)
