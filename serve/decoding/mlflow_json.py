"""The JSON bodies of MLflow's scoring protocol (mlflow.org/docs, "MLflow Model Serving", accepted JSON inputs).

| member | holds |
|---|---|
| `dataframe_split` | `{"columns": [name, ...], "data": [[value, ...], ...]}`, perhaps with an `index` |
| `dataframe_records` | row objects |
| `instances`, `inputs` | row objects, rows as arrays in the order of the features, or columns by name |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from fraud.features import FEATURE_NAMES
from serve.decoding.columns import Columns, rows_of_columns
from serve.decoding.faults import decode_json, name_not_a_number
from serve.decoding.raw_json import is_nested_array, is_object
from serve.decoding.row_arrays import decode_row_arrays
from serve.decoding.row_objects import Instance, rows_of_instances
from serve.decoding.rows import DecodedRows
from serve.errors import InvalidInstance


class SplitFrame(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """What `pandas.DataFrame.to_dict(orient="split")` gives; the index says nothing about an applicant."""

    columns: list[str]
    data: msgspec.Raw
    index: msgspec.Raw | UnsetType = UNSET


class Invocation(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Body of `/invocations`. The model takes no `params`, and MLflow lets a caller send some all the same."""

    dataframe_split: SplitFrame | UnsetType = UNSET
    dataframe_records: list[Instance] | UnsetType = UNSET  # type: ignore[valid-type]
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET
    params: Mapping[str, msgspec.Raw] | None = None


_DECODER: Final = msgspec.json.Decoder(Invocation)
_INSTANCES: Final = msgspec.json.Decoder(list[Instance])  # type: ignore[valid-type]
_COLUMNS: Final = msgspec.json.Decoder(Columns)


def decode_invocation(body: bytes, max_rows: int) -> DecodedRows:
    """A body with exactly one of the four members -> rows in the same order.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: a value is missing, unknown, of a wrong type or out of bounds, named by instance and field;
            or the batch is empty, or in none of the forms.
        BodyTooLarge: more than `max_rows` rows.
    """
    return name_not_a_number(lambda body: _decode_invocation(body, max_rows), body)


def _decode_invocation(body: bytes, max_rows: int) -> DecodedRows:
    call = decode_json(_DECODER.decode, body)
    members = (call.dataframe_split, call.dataframe_records, call.instances, call.inputs)
    given = [member for member in members if member is not UNSET]
    match given:
        case [SplitFrame() as frame]:
            return decode_row_arrays(frame.columns, frame.data, max_rows)
        case [list(instances)]:
            return rows_of_instances(instances, max_rows)
        case [msgspec.Raw() as data]:
            return _decode_any(data, max_rows)
    raise InvalidInstance("expected exactly one of dataframe_split, dataframe_records, instances and inputs")


def _decode_any(data: msgspec.Raw, max_rows: int) -> DecodedRows:
    if is_object(data):
        return rows_of_columns(decode_json(_COLUMNS.decode, data), max_rows)
    if is_nested_array(data):
        return decode_row_arrays(FEATURE_NAMES, data, max_rows)
    return rows_of_instances(decode_json(_INSTANCES.decode, data), max_rows)
