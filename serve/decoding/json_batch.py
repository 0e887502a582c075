"""The three JSON forms of a batch, told apart in the one pass that decodes them.

| form | body |
|---|---|
| row objects (the contract) | `{"instances": [object, ...]}` |
| rows as arrays | `{"columns": [name, ...], "data": [[value, ...], ...]}` |
| columns | `{"columns": {name: [value, ...], ...}}` |
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from serve.decoding.columns import Columns, members_of_columns, rows_of_columns
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.decoding.faults import decode_json, name_not_a_number
from serve.decoding.row_arrays import decode_row_arrays
from serve.decoding.row_objects import Instance, members_of, rows_of_instances
from serve.decoding.rows import DecodedRows
from serve.errors import InvalidInstance


class Batch(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Body of `/batch_predict` as JSON; the rows of `data` are read when their columns are known."""

    instances: list[Instance] | UnsetType = UNSET  # type: ignore[valid-type]
    columns: list[str] | Columns | UnsetType = UNSET  # type: ignore[valid-type]
    data: msgspec.Raw | UnsetType = UNSET


_DECODER: Final = msgspec.json.Decoder(Batch)


def decode_batch(body: bytes, max_rows: int) -> DecodedRows:
    """A batch in one of the three forms -> rows in the same order.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: a value is missing, unknown, of a wrong type or out of bounds, named by instance and field;
            or a name is there twice, the batch is empty, or in none of the forms.
        BodyTooLarge: more than `max_rows` rows.
    """
    return name_not_a_number(lambda body: _decode_batch(body, max_rows), body)


def _decode_batch(body: bytes, max_rows: int) -> DecodedRows:
    batch = decode_json(_DECODER.decode, body)
    match batch.instances, batch.columns, batch.data:
        case list(instances), UnsetType(), UnsetType():
            rows, members = rows_of_instances(instances, max_rows), 1 + members_of(instances)
        case UnsetType(), list(names), msgspec.Raw() as data:
            rows, members = decode_row_arrays(names, data, max_rows), 2
        case UnsetType(), Columns() as columns, UnsetType():
            rows, members = rows_of_columns(columns, max_rows), 1 + members_of_columns(columns)
        case _:
            raise InvalidInstance(
                'expected {"instances": [object, ...]}, {"columns": [name, ...], "data": [[value, ...], ...]} '
                'or {"columns": {name: [value, ...], ...}}'
            )
    refuse_duplicate_names(body, members, rows.texts)
    return rows
