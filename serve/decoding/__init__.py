"""Bodies to matrices: strict, typed, and no scoring before every value is proven valid. A file a format."""

from serve.decoding.json_batch import decode_batch
from serve.decoding.row_objects import decode_instance
from serve.decoding.rows import DecodedRows

__all__ = ["DecodedRows", "decode_batch", "decode_instance"]
