"""From the table of applications to a registered candidate: data, split, grid, evaluation, conversion, registry."""

import os

# Read once, when XGBoost's OpenMP library is loaded, so it is set before any module of this package imports it. By
# default its threads spin while they wait for each other. Six candidates of the grid on two cores, beside one busy
# program: over 60 s in each of four runs by default, 7 to 12 s with sleeping threads. On idle cores sleeping costs
# up to 1.4 times the time of spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
