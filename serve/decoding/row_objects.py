"""Rows as objects: `{"Client_Income": 13500.0, ...}` each, the form of the contract.

The struct is made from the feature schema, so that a feature is spelled out nowhere else. msgspec refuses unknown and
missing members, strings, booleans and null; what JSON can say but a feature can't be is found on the matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.decoding.bounds import check_row_count
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.decoding.faults import decode_json, name_not_a_number
from serve.decoding.matrix import matrix_of_values
from serve.decoding.rows import LABELS, DecodedRows, Label, labelled
from serve.errors import MalformedBody

Instance: Final = msgspec.defstruct(
    "Instance",
    [
        *((name, float) for name in FEATURE_NAMES),
        *((name, Label | None | UnsetType, UNSET) for name in LABELS),
    ],
    forbid_unknown_fields=True,
    frozen=True,
    gc=False,
)

_DECODER: Final = msgspec.json.Decoder(Instance)
_FEATURES_OF: Final = attrgetter(*FEATURE_NAMES)


def decode_instance(body: bytes) -> DecodedRows:
    """One object with the ten features -> one row.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: a member is missing, unknown, of a wrong type, or out of bounds.
    """
    return name_not_a_number(_decode_instance, body)


def decode_lines(body: bytes, max_rows: int) -> DecodedRows:
    """One object a line (NDJSON, github.com/ndjson/ndjson-spec, section 3) -> rows in the same order.

    Raises:
        MalformedBody: a line is not JSON, or not one whole object.
        InvalidInstance: as in `decode_instance`, naming the instance; or the batch is empty.
        BodyTooLarge: more than `max_rows` lines.
    """
    return name_not_a_number(lambda body: _decode_lines(body, max_rows), body)


def members_of(instances: Sequence[Any]) -> int:
    """How many members decoded `Instance`s were given, all together."""
    absent = sum(list(map(attrgetter(name), instances)).count(UNSET) for name in LABELS)
    return len(instances) * (FEATURE_COUNT + len(LABELS)) - absent


def rows_of_instances(instances: Sequence[Any], max_rows: int) -> DecodedRows:
    """Decoded `Instance`s -> rows.

    Raises:
        InvalidInstance: a value is out of bounds, or there is no instance.
        BodyTooLarge: more than `max_rows` instances.
    """
    check_row_count(len(instances), max_rows)
    matrix = matrix_of_values(chain.from_iterable(map(_FEATURES_OF, instances)), len(instances))
    return labelled(matrix, {name: _labels(name, instances) for name in LABELS})


def _labels(name: str, instances: Sequence[Any]) -> list[str | None]:
    labels = list(map(attrgetter(name), instances))
    return [label or None for label in labels] if any(labels) else []


def _decode_instance(body: bytes) -> DecodedRows:
    instances: list[Any] = [decode_json(_DECODER.decode, body)]
    rows = rows_of_instances(instances, max_rows=1)
    refuse_duplicate_names(body, members_of(instances), rows.texts)
    return rows


def _decode_lines(body: bytes, max_rows: int) -> DecodedRows:
    instances = decode_json(_DECODER.decode_lines, body)
    # msgspec takes any white space between two objects, and line breaks inside of one; a line feed it is here.
    if body.strip().count(b"\n") + 1 != len(instances) and _line_count(body) != len(instances):
        raise MalformedBody("the body is not one JSON object a line")
    rows = rows_of_instances(instances, max_rows)
    refuse_duplicate_names(body, members_of(instances), rows.texts, lines=True)
    return rows


def _line_count(body: bytes) -> int:
    return sum(1 for line in body.split(b"\n") if line.strip())
