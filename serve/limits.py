"""Limits of one server process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a server process; see the settings of the same names."""

    max_batch_rows: int
    max_body_bytes: int
    max_rows_in_flight: int
    max_bytes_in_flight: int
    max_wait_s: float
    max_connections: int
    read_timeout_s: float
