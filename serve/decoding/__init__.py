"""Decoders from bodies to matrices: strict and typed; every value is validated before scoring. One file for each
format.
"""

from serve.decoding.json_batch import decode_batch
from serve.decoding.row_objects import decode_instance
from serve.decoding.rows import DecodedRows

__all__ = ["DecodedRows", "decode_batch", "decode_instance"]
