"""Bodies of messages to rows, by the decoders of the API: one application each, as `/predict` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from fraud.features import FEATURE_COUNT
from serve.decoding import DecodedRows, decode_instance
from serve.decoding.checked_rows import FaultyRows
from serve.decoding.row_objects import decode_lines
from serve.decoding.rows import APPLICANT_REF, APPLICATION_ID, labelled
from serve.errors import RowFault, ServeError

BODY_MAX_BYTES: Final = 64 * 1024
"""An application takes some 300; what is larger is none."""


def decode_messages(bodies: Sequence[bytes]) -> DecodedRows:
    """The applications in the order of the bodies, with the faults of those that are none."""
    if any(b"\n" in body or len(body) > BODY_MAX_BYTES for body in bodies):
        return _one_by_one(bodies)
    try:
        rows = decode_lines(b"\n".join(bodies), len(bodies))
    except FaultyRows as faulty:
        rows = faulty.good
    except ServeError:  # one is no JSON, and the fault is reported for all
        return _one_by_one(bodies)
    return rows if rows.sent == len(bodies) else _one_by_one(bodies)


def _one_by_one(bodies: Sequence[bytes]) -> DecodedRows:
    good: list[DecodedRows] = []
    faults: list[RowFault] = []
    for position, body in enumerate(bodies):
        try:
            if len(body) > BODY_MAX_BYTES:
                raise ServeError(f"{len(body)} bytes: expected one application, at most {BODY_MAX_BYTES}")
            good.append(decode_instance(body))
        except FaultyRows as faulty:
            faults.append(msgspec.structs.replace(faulty.good.faults[0], instance=position))
        except ServeError as fault:
            faults.append(RowFault(position, fault.field, fault.message))
    empty = np.empty((0, FEATURE_COUNT), np.float32)
    labels = {
        APPLICATION_ID: [None if row.application_ids is None else row.application_ids[0] for row in good],
        APPLICANT_REF: [None if row.applicant_refs is None else row.applicant_refs[0] for row in good],
    }
    return labelled(np.concatenate([empty, *(row.matrix for row in good)]), labels, faults)
