"""The JSON bodies of MLflow's scoring protocol (mlflow.org/docs, "MLflow Model Serving", accepted JSON inputs).

| member | holds |
|---|---|
| `dataframe_split` | `{"columns": [name, ...], "data": [[value, ...], ...]}`, optionally with an `index` |
| `dataframe_records` | row objects |
| `instances`, `inputs` | row objects, one row object, rows as arrays in the order of the features, or columns by name |

Other members are ignored, as by MLflow: `params`, since the model has none, and TensorFlow's `signature_name`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from fraud.features import FEATURE_NAMES
from serve.decoding.columns import Columns, members_of_columns, refuse_faulty_values, rows_of_columns
from serve.decoding.duplicate_names import colons_in, refuse_duplicate_names
from serve.decoding.faults import decode_json, in_rows, name_not_a_number
from serve.decoding.raw_json import is_nested_array, is_object, is_object_of_arrays
from serve.decoding.row_arrays import decode_row_arrays, refuse_faulty_arrays
from serve.decoding.row_objects import Instance, members_of, refuse_faulty_objects, rows_of_instances
from serve.decoding.rows import DecodedRows
from serve.errors import InvalidInstance


class SplitFrame(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """The form of `pandas.DataFrame.to_dict(orient="split")`; the index is ignored."""

    columns: list[str]
    data: msgspec.Raw
    index: msgspec.Raw | UnsetType = UNSET


class Invocation(msgspec.Struct, frozen=True, gc=False):
    """Body of `/invocations`."""

    dataframe_split: SplitFrame | UnsetType = UNSET
    dataframe_records: list[Instance] | UnsetType = UNSET  # type: ignore[valid-type]
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET


class _Texts(msgspec.Struct, frozen=True, gc=False):
    """The same, with rows as raw JSON."""

    dataframe_split: SplitFrame | UnsetType = UNSET
    dataframe_records: msgspec.Raw | UnsetType = UNSET
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET


MEMBERS: Final = Invocation.__struct_fields__

_DECODER: Final = msgspec.json.Decoder(Invocation)
_INSTANCE: Final = msgspec.json.Decoder(Instance)
_INSTANCES: Final = msgspec.json.Decoder(list[Instance])  # type: ignore[valid-type]
_COLUMNS: Final = msgspec.json.Decoder(Columns)
_TEXTS: Final = msgspec.json.Decoder(_Texts)
_LIST_OF_TEXTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TEXTS_BY_NAME: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_invocation(body: bytes, max_rows: int) -> DecodedRows:
    """A body with exactly one of the four members -> rows in the same order.

    Raises:
        MalformedBody: not JSON.
        InvalidInstance: a value is missing, unknown, of a wrong type or out of bounds, named by instance and field;
            or a name is duplicate, the batch is empty, or its form is unknown.
        BodyTooLarge: more than `max_rows` rows.
    """
    return name_not_a_number(lambda body: _with_all_faults(body, max_rows), body)


def _with_all_faults(body: bytes, max_rows: int) -> DecodedRows:
    return in_rows(lambda: _decode_invocation(body, max_rows), lambda: _refuse_faulty_rows(body, max_rows))


def _given(call: Invocation | _Texts) -> list[Any]:
    members = (call.dataframe_split, call.dataframe_records, call.instances, call.inputs)
    return [member for member in members if member is not UNSET]


def _decode_invocation(body: bytes, max_rows: int) -> DecodedRows:
    call = decode_json(_DECODER.decode, body)
    match _given(call):
        case [SplitFrame() as frame]:
            rows, members = decode_row_arrays(frame.columns, frame.data, max_rows), 2 + (frame.index is not UNSET)
        case [list(instances)]:
            rows, members = rows_of_instances(instances, max_rows), members_of(instances)
        case [msgspec.Raw() as data]:
            rows, members = _decode_any(data, max_rows)
        case _:
            raise InvalidInstance("expected exactly one of dataframe_split, dataframe_records, instances and inputs")
    refuse_duplicate_names(body, 1 + members, rows.texts)
    return rows


def _decode_any(data: msgspec.Raw, max_rows: int) -> tuple[DecodedRows, int]:
    """The rows, and the number of object members decoded."""
    if is_object_of_arrays(data):
        columns = decode_json(_COLUMNS.decode, data)
        return rows_of_columns(columns, max_rows), members_of_columns(columns)
    if is_nested_array(data):
        return decode_row_arrays(FEATURE_NAMES, data, max_rows), 0
    instances = [decode_json(_INSTANCE.decode, data)] if is_object(data) else decode_json(_INSTANCES.decode, data)
    return rows_of_instances(instances, max_rows), members_of(instances)


def _refuse_faulty_rows(body: bytes, max_rows: int) -> None:
    """Name every invalid row, if rows are at fault."""
    match _given(decode_json(_TEXTS.decode, body)):
        case [SplitFrame() as frame]:
            refuse_duplicate_names(body, 3 + (frame.index is not UNSET) + colons_in(frame.data))
            refuse_faulty_arrays(frame.columns, frame.data, max_rows)
        case [msgspec.Raw() as data] if is_object_of_arrays(data):
            columns = decode_json(_TEXTS_BY_NAME.decode, data)
            refuse_duplicate_names(body, 1 + len(columns) + sum(map(colons_in, columns.values())))
            refuse_faulty_values(columns, max_rows)
        case [msgspec.Raw() as data]:
            refuse_duplicate_names(body, 1 + colons_in(data))
            if is_nested_array(data):
                refuse_faulty_arrays(FEATURE_NAMES, data, max_rows)
            else:
                texts = [data] if is_object(data) else decode_json(_LIST_OF_TEXTS.decode, data)
                refuse_faulty_objects(texts, max_rows)
