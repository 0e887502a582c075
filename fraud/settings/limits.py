"""How much one request, one client and one server process may take."""

from __future__ import annotations

from pydantic import Field

from fraud.settings.part import Part, PositiveFloat, PositiveInt


class LimitSettings(Part):
    """How much one request, one client and one server process may take."""

    max_batch_rows: PositiveInt = Field(100_000, description="most rows in one request")
    max_body_bytes: PositiveInt = Field(64 * 1024 * 1024, description="largest request body, bytes")
    max_rows_in_flight: PositiveInt = Field(
        400_000, description="most rows that a server process works on at a time; beyond it requests are refused (503)"
    )
    max_bytes_in_flight: PositiveInt = Field(
        128 * 1024 * 1024, description="most bytes of bodies that a server process holds; beyond it 503"
    )
    max_wait_ms: PositiveFloat = Field(
        500.0,
        description="longest wait of a batch for its turn, milliseconds; then 503; of small requests shares of it",
    )
    max_connections: PositiveInt = Field(
        10_000, description="most connections that a server process keeps open; beyond it 503"
    )
    rate_limit_requests_per_s: PositiveFloat | None = Field(
        None, description="most requests a second of each client, over all workers; beyond it 429"
    )
    rate_limit_rows_per_s: PositiveFloat | None = Field(
        None, description="most rows a second of each client, over all workers; beyond it 429"
    )
