"""Rows as objects: `{"Client_Income": 13500.0, ...}` each, as in our own API.

The struct is generated from the declaration of the features, so that features are named nowhere else. msgspec refuses
unknown and missing members, strings, booleans, and null for a required feature; values that JSON allows but a feature
does not are found on the matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fraud.features import FEATURE_COUNT, FEATURES
from serve.decoding.bounds import check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.decoding.faults import decode_json, in_row, in_rows, name_not_a_number
from serve.decoding.matrix import matrix_of_values
from serve.decoding.rows import LABELS, DecodedRows, Label
from serve.errors import DuplicateName, InvalidInstance, MalformedBody, RowFault

NAN: Final = math.nan
"""Sentinel object for an absent member; JSON can't produce it."""

# Attributes have generated names: a feature's name need not be valid for Python or `attrgetter`.
_ATTRIBUTES: Final = tuple(f"feature_{position}" for position in range(FEATURE_COUNT))
_OPTIONAL: Final = tuple(
    attribute for attribute, feature in zip(_ATTRIBUTES, FEATURES, strict=True) if feature.may_be_missing
)

Instance: Final = msgspec.defstruct(
    "Instance",
    [
        *(
            (attribute, float | None, NAN) if feature.may_be_missing else (attribute, float)
            for attribute, feature in zip(_ATTRIBUTES, FEATURES, strict=True)
        ),
        *((name, Label | None | UnsetType, UNSET) for name in LABELS),
    ],
    rename=dict(zip(_ATTRIBUTES, (feature.name for feature in FEATURES), strict=True)),
    forbid_unknown_fields=True,
    frozen=True,
    gc=False,
    kw_only=True,
)

_DECODER: Final = msgspec.json.Decoder(Instance)
_FEATURES_OF: Final = attrgetter(*_ATTRIBUTES)


def decode_instance(body: bytes) -> DecodedRows:
    """One object with the features -> one row.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: a member is missing, unknown, of a wrong type, or out of bounds.
    """
    return name_not_a_number(_decode_instance, body)


def decode_lines(body: bytes, max_rows: int) -> DecodedRows:
    """One object on each line (NDJSON, github.com/ndjson/ndjson-spec, section 3) -> rows in the same order.

    Raises:
        MalformedBody: a line is not JSON, or not exactly one object.
        InvalidInstance: as in `decode_instance`, naming the instances; or the batch is empty.
        BodyTooLarge: more than `max_rows` lines.
    """
    return name_not_a_number(lambda body: _with_all_faults(body, max_rows), body)


def _with_all_faults(body: bytes, max_rows: int) -> DecodedRows:
    return in_rows(lambda: _decode_lines(body, max_rows), lambda: refuse_faulty_objects(_lines(body), max_rows))


def members_of(instances: Sequence[Any]) -> int:
    """The total number of members that decoded `Instance`s had."""
    absent = sum(list(map(attrgetter(name), instances)).count(UNSET) for name in LABELS)
    # `list.count` finds the sentinel by identity.
    absent += sum(list(map(attrgetter(name), instances)).count(NAN) for name in _OPTIONAL)
    return len(instances) * (FEATURE_COUNT + len(LABELS)) - absent


def rows_of_instances(instances: Sequence[Any], max_rows: int) -> DecodedRows:
    """Decoded `Instance`s -> rows.

    Raises:
        InvalidInstance: values are out of bounds, or there is no instance.
        BodyTooLarge: more than `max_rows` instances.
    """
    check_row_count(len(instances), max_rows)
    matrix = matrix_of_values(_values(map(_FEATURES_OF, instances)), len(instances))
    return checked_rows(matrix, {name: _labels(name, instances) for name in LABELS})


def refuse_faulty_objects(texts: Sequence[msgspec.Raw | bytes], max_rows: int) -> None:
    """Name every invalid row, if the rows could not be read as a whole. `texts` has the JSON of each row.

    Raises:
        FaultyRows: there are such rows.
        BodyTooLarge: more than `max_rows` rows.
    """
    if not texts:
        return
    check_row_count(len(texts), max_rows)
    instances: list[Any] = []
    faults: dict[int, RowFault] = {}
    for row, text in enumerate(texts):
        try:
            instance = decode_json(_DECODER.decode, text)
            labels = [[getattr(instance, name) or None] for name in LABELS]
            refuse_duplicate_names(bytes(text), members_of([instance]), labels)
        except DuplicateName:
            raise
        except InvalidInstance as fault:
            faults[row] = in_row(row, fault)
            instance = None
        instances.append(instance)
    read = [instance for instance in instances if instance is not None]
    features = iter(map(_FEATURES_OF, read))
    rows = (_UNREAD if instance is None else next(features) for instance in instances)
    labels_of = {name: [_label(name, instance) for instance in instances] for name in LABELS}
    checked_rows(matrix_of_values(_values(rows), len(instances)), labels_of, faults)


_UNREAD: Final[Any] = None if FEATURE_COUNT == 1 else (None,) * FEATURE_COUNT


def _values(rows: Iterable[Any]) -> Iterable[float | None]:
    """The values of rows, one after the other; `attrgetter` returns no tuple for a single attribute."""
    return rows if FEATURE_COUNT == 1 else chain.from_iterable(rows)


def _labels(name: str, instances: Sequence[Any]) -> list[str | None]:
    labels = list(map(attrgetter(name), instances))
    return [label or None for label in labels] if any(labels) else []


def _label(name: str, instance: Any) -> str | None:
    return None if instance is None else getattr(instance, name) or None


def _decode_instance(body: bytes) -> DecodedRows:
    instances: list[Any] = [decode_json(_DECODER.decode, body)]
    rows = rows_of_instances(instances, max_rows=1)
    refuse_duplicate_names(body, members_of(instances), rows.texts)
    return rows


def _decode_lines(body: bytes, max_rows: int) -> DecodedRows:
    instances = decode_json(_DECODER.decode_lines, body)
    # msgspec allows any white space between objects, and line breaks inside an object; here each line is one object.
    if body.strip().count(b"\n") + 1 != len(instances) and len(_lines(body)) != len(instances):
        raise MalformedBody("the body does not have one JSON object on each line")
    rows = rows_of_instances(instances, max_rows)
    refuse_duplicate_names(body, members_of(instances), rows.texts, lines=True)
    return rows


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\n") if line.strip()]
