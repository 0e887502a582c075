"""Every decoder that reads what a stranger sends, as the fuzzer calls it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fraud.api_keys import ApiKey, Role, new_key
from fraud.features import FEATURE_COUNT
from fraud.networks import parse_networks
from serve.access.authentication import Administrator, Authenticator, login_in
from serve.access.client_address import TrustedProxies
from serve.access.control import AccessControl
from serve.api.inference_v2.requests import decode_request
from serve.api.inference_v2.routes import infer_route
from serve.api.mlflow_scoring import invocations_route
from serve.api.native import contract_routes
from serve.decoding import DecodedRows, decode_batch, decode_instance
from serve.decoding.arrow_stream import decode_arrow
from serve.decoding.bounds import MINIMA
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.row_objects import decode_lines
from serve.decoding.row_scan import MIN_ROW_BYTES
from serve.decoding.row_scanner import LAYOUT, RowScanner, load_scans
from serve.errors import ServeError
from serve.overload.in_flight import Admission
from serve.request_names import name_request
from serve.scoring.body_headers import announced_bytes
from serve.scoring.call import ScoringRoute
from serve.scoring.content_encoding import accepted_encoding, inflate
from serve.scoring.options import options_of
from serve.scoring.request import ScoringRequest
from tests.serve.fuzz import seeds
from tests.serve.fuzz.framing import read_framing
from tests.serve.fuzz.guard_page import GuardedBuffer
from tests.serve.fuzz.oracle import MAX_BODY_BYTES, MAX_ROWS, Read, agreeing, as_python_reads

PROXY = "192.0.2.1"
"""Whose word on a client's address counts."""


@dataclass(frozen=True)
class Target:
    """A decoder, and bodies that it reads."""

    name: str
    seeds: Sequence[bytes]
    read: Read


def targets(cache_dir: Path) -> dict[str, Target]:
    """All of them by name; compiled code is kept in the folder."""
    scanner = RowScanner(cache_dir)
    routes = [*contract_routes(scanner, MAX_ROWS), invocations_route(MAX_ROWS), infer_route("m", MAX_ROWS)]
    instance = as_python_reads(decode_instance, lambda document: [document])
    lines = partial(decode_lines, max_rows=MAX_ROWS)
    batch = partial(decode_batch, max_rows=MAX_ROWS)
    all_targets = (
        Target("row object, compiled scan", seeds.INSTANCES, agreeing(scanner.decode_instance, instance)),
        Target(
            "row objects, compiled scan",
            [seeds.BATCHES[0], seeds.COMPACT_BATCH],
            agreeing(partial(scanner.decode_batch, max_rows=MAX_ROWS), batch),
        ),
        Target("compiled scan at a guard page", [*seeds.INSTANCES, seeds.COMPACT_BATCH], _guarded(cache_dir)),
        Target("JSON batches", seeds.BATCHES, batch),
        Target("JSON lines", seeds.LINES, lines),
        Target("Arrow stream", seeds.ARROW_STREAMS, partial(decode_arrow, max_rows=MAX_ROWS)),
        Target("Parquet", seeds.PARQUET_FILES, partial(decode_parquet, max_rows=MAX_ROWS)),
        Target("CSV", seeds.TABLES, partial(decode_csv, max_rows=MAX_ROWS)),
        Target("MLflow JSON", seeds.INVOCATIONS, partial(decode_invocation, max_rows=MAX_ROWS)),
        Target("v2 JSON and binary tensors", seeds.INFERENCES, _decode_inference),
        *(
            Target(encoding, compressed, _inflated(encoding, batch))
            for encoding, compressed in (
                ("gzip", seeds.GZIPPED),
                ("deflate", seeds.DEFLATED),
                ("zstd", seeds.ZSTANDARDS),
            )
        ),
        Target("headers", seeds.HEADERS, _read_headers(routes)),
        Target("framing of requests", seeds.REQUESTS, read_framing),
    )
    return {target.name: target for target in all_targets}


def _decode_inference(body: bytes) -> DecodedRows:
    (length,) = struct.unpack("<H", body[:2].ljust(2, b"\0"))
    header = None if length == seeds.NO_LENGTH else str(length)
    return decode_request(body[2:], header, MAX_ROWS)[1]


def _inflated(encoding: str, decode: Callable[[bytes], DecodedRows]) -> Read:
    def read(body: bytes) -> DecodedRows:
        content = inflate(body, encoding, MAX_BODY_BYTES)
        assert len(content) <= MAX_BODY_BYTES
        return decode(content)

    return read


def _guarded(cache_dir: Path) -> Read:
    """The compiled code alone, on memory behind which nothing may be read."""
    scan_object, scan_batch = load_scans(cache_dir)
    memory = GuardedBuffer(MAX_BODY_BYTES)

    def read(body: bytes) -> None:
        held = np.frombuffer(memory.hold(body), np.uint8)
        for scan, rows in ((scan_object, 1), (scan_batch, min(MAX_ROWS, len(body) // MIN_ROW_BYTES))):
            scan(held, np.empty((rows, FEATURE_COUNT), np.float32), MINIMA, LAYOUT.copy(), np.empty(1))

    return read


def _address(control: AccessControl, headers: Mapping[str, str]) -> str:
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return control.address_of((PROXY, 1), lines)


def _read_headers(routes: Sequence[ScoringRoute]) -> Read:
    client = ApiKey.of(new_key(), "client", {Role.SCORE})
    proxies = TrustedProxies(parse_networks(f"{PROXY}, 10.0.0.0/8, 2001:db8::/32"))
    control = AccessControl(Authenticator([client], Administrator("admin", "password")), required=True, proxies=proxies)
    questions: tuple[Callable[[Mapping[str, str]], Any], ...] = (
        *(partial(_begin, route) for route in routes),
        accepted_encoding,
        lambda headers: control.admit(login_in(headers), _address(control, headers), Role.OPERATE, {}),
    )

    def read(body: bytes) -> None:
        headers = {}
        for line in body.split(b"\n"):
            name, _, value = line.partition(b":")
            headers[name.decode("latin-1").lower().strip()] = value.decode("latin-1").strip()
        refused: Exception | None = None
        for question in questions:
            try:
                question(headers)
            except ServeError as error:
                refused = error
        if refused is not None:
            raise refused

    return read


def _begin(route: ScoringRoute, headers: Mapping[str, str]) -> None:
    request_id, fault = name_request(headers.get("x-request-id"))
    if fault is not None:
        raise fault
    ScoringRequest(
        options_of(route, headers, "client", headers.get("query", "")),
        request_id,
        Admission(MAX_ROWS, MAX_BODY_BYTES).ticket(),
        announced_bytes=announced_bytes(headers.get("content-length", "")),
        max_bytes=MAX_BODY_BYTES,
    )
