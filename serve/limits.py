"""What one server process takes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server process; the settings of the same names say more."""

    max_batch_rows: int
    max_body_bytes: int
    max_rows_in_flight: int
    max_bytes_in_flight: int
    max_wait_s: float
    max_connections: int
    read_timeout_s: float
