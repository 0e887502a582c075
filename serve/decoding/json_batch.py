"""The JSON forms of a batch, recognized and decoded in a single pass.

| form | body |
|---|---|
| row objects (the contract) | `{"instances": [object, ...]}`, or the bare list |
| rows as arrays | `{"columns": [name, ...], "data": [[value, ...], ...]}`, optionally with an `index` |
| columns | `{"columns": {name: [value, ...], ...}}` |

A list of row objects is what pandas writes with `to_json(orient="records")`; rows as arrays are its "split" form.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from serve.decoding.columns import Columns, members_of_columns, refuse_faulty_values, rows_of_columns
from serve.decoding.duplicate_names import colons_in, refuse_duplicate_names
from serve.decoding.faults import decode_json, in_rows, name_not_a_number
from serve.decoding.row_arrays import decode_row_arrays, refuse_faulty_arrays
from serve.decoding.row_objects import Instance, members_of, refuse_faulty_objects, rows_of_instances
from serve.decoding.rows import DecodedRows
from serve.errors import InvalidInstance


class Batch(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Body of `/batch_predict` as JSON; the rows of `data` are decoded once their columns are known.

    The `index` of a frame is ignored: it says nothing about an applicant.
    """

    instances: list[Instance] | UnsetType = UNSET  # type: ignore[valid-type]
    columns: list[str] | Columns | UnsetType = UNSET  # type: ignore[valid-type]
    data: msgspec.Raw | UnsetType = UNSET
    index: msgspec.Raw | UnsetType = UNSET


class _Texts(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """The same, with rows and columns as raw JSON."""

    instances: list[msgspec.Raw] | UnsetType = UNSET
    columns: list[str] | dict[str, msgspec.Raw] | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET
    index: msgspec.Raw | UnsetType = UNSET


_DECODER: Final = msgspec.json.Decoder(Batch | list[Instance])  # type: ignore[valid-type]
_TEXTS: Final = msgspec.json.Decoder(_Texts | list[msgspec.Raw])


def decode_batch(body: bytes, max_rows: int) -> DecodedRows:
    """A batch in one of the forms -> rows in the same order.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: values are missing, unknown, of a wrong type or out of bounds, named by instance and field;
            or a name is duplicate, the batch is empty, or its form is unknown.
        BodyTooLarge: more than `max_rows` rows.
    """
    return name_not_a_number(lambda body: _with_all_faults(body, max_rows), body)


def _with_all_faults(body: bytes, max_rows: int) -> DecodedRows:
    return in_rows(lambda: _decode_batch(body, max_rows), lambda: _refuse_faulty_rows(body, max_rows))


def _decode_batch(body: bytes, max_rows: int) -> DecodedRows:
    rows, members = _decode_form(decode_json(_DECODER.decode, body), max_rows)
    refuse_duplicate_names(body, members, rows.texts)
    return rows


def _decode_form(batch: Any, max_rows: int) -> tuple[DecodedRows, int]:
    """The rows, and the number of object members decoded."""
    if isinstance(batch, list):
        return rows_of_instances(batch, max_rows), members_of(batch)
    match batch.instances, batch.columns, batch.data, batch.index:
        case list(instances), UnsetType(), UnsetType(), UnsetType():
            return rows_of_instances(instances, max_rows), 1 + members_of(instances)
        case UnsetType(), list(names), msgspec.Raw() as data, index:
            return decode_row_arrays(names, data, max_rows), 2 + (index is not UNSET)
        case UnsetType(), Columns() as columns, UnsetType(), UnsetType():
            return rows_of_columns(columns, max_rows), 1 + members_of_columns(columns)
    raise InvalidInstance(
        'expected {"instances": [object, ...]}, {"columns": [name, ...], "data": [[value, ...], ...]}, '
        '{"columns": {name: [value, ...], ...}} or [object, ...]'
    )


def _refuse_faulty_rows(body: bytes, max_rows: int) -> None:
    """Name every invalid row, if rows are at fault."""
    batch: Any = decode_json(_TEXTS.decode, body)
    if isinstance(batch, list):
        refuse_faulty_objects(batch, max_rows)
        return
    match batch.instances, batch.columns, batch.data, batch.index:
        case list(texts), UnsetType(), UnsetType(), UnsetType():
            refuse_duplicate_names(body, 1 + sum(map(colons_in, texts)))
            refuse_faulty_objects(texts, max_rows)
        case UnsetType(), list(names), msgspec.Raw() as data, index:
            refuse_duplicate_names(body, 2 + (index is not UNSET) + colons_in(data))
            refuse_faulty_arrays(names, data, max_rows)
        case UnsetType(), dict(columns), UnsetType(), UnsetType():
            refuse_duplicate_names(body, 1 + len(columns) + sum(map(colons_in, columns.values())))
            refuse_faulty_values(columns, max_rows)
