"""The server: its address, its workers and its engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from fraud.cores import usable_cores
from fraud.networks import Network, parse_networks
from fraud.server_addresses import ServerAddress, parse_server_urls, resolve_servers, single_server
from fraud.settings.part import Part, Port, PositiveFloat, PositiveInt


def _parse_networks(value: object) -> object:
    return parse_networks(value) if isinstance(value, str) else value


def _parse_server_urls(value: object) -> object:
    return parse_server_urls(value) if isinstance(value, str) else value


class ServerSettings(Part):
    """The server: its address, its workers and its engine."""

    serve_host: str = Field("127.0.0.1", description="address that the server listens on")
    serve_port: Port = Field(8000, description="port that the server listens on")
    server_urls: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_server_urls)] = Field(
        (),
        description="addresses of all servers, comma-separated, for gate and retraining; a name stands for each of its "
        "addresses; unset = SERVE_HOST and SERVE_PORT",
        json_schema_extra={"default": "-"},
    )
    ssl_certfile: Path | None = Field(None, description="certificate chain (PEM); with it the server speaks HTTPS only")
    ssl_keyfile: Path | None = Field(None, description="private key of SSL_CERTFILE (PEM, without a password)")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_parse_networks)] = Field(
        (),
        description="addresses and networks of proxies, comma-separated, whose `X-Forwarded-For` or `Forwarded` counts",
        json_schema_extra={"default": "-"},
    )
    serve_workers: PositiveInt = Field(
        default_factory=usable_cores,
        description="server processes on the port",
        json_schema_extra={"default": "all cores"},
    )
    scoring_threads: PositiveInt | None = Field(
        None, description="threads of each server process that score large batches; unset = cores / SERVE_WORKERS"
    )
    engine: Literal["auto", "onnxruntime", "forest"] = Field(
        "auto", description="what runs the trees; auto = the fastest for each batch size, once proved equal"
    )
    compiled_dir: Path | None = Field(
        None, description="folder of the compiled code, writable by the server alone; unset = <RUN_DIR>/compiled"
    )
    drain_timeout_s: PositiveInt = Field(20, description="longest wait for open requests at a stop, seconds")
    read_timeout_s: PositiveFloat = Field(
        20.0, description="time for a request to arrive, seconds; a body gets one more for each 16 kB of it"
    )

    def server_url(self) -> str:
        """Address of the scoring server as a client on this machine writes it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.serve_host, self.serve_host)  # noqa: S104 - replaced
        host = f"[{host}]" if ":" in host else host
        return f"{'http' if self.ssl_certfile is None else 'https'}://{host}:{self.serve_port}"

    def server_addresses(self) -> tuple[ServerAddress, ...]:
        """Every server that answers with the model, as names resolve at this moment.

        Raises:
            AddressError: a name has no address.
        """
        return resolve_servers(self.server_urls) if self.server_urls else (single_server(self.server_url()),)

    def threads_of_each(self, workers: int) -> int:
        """Scoring threads of one of `workers` server processes: together at most one per core, unless set."""
        return self.scoring_threads or max(1, usable_cores() // workers)
