"""XGBoost pipeline -> ONNX, and the parity check that a model must pass before it is registered."""

from convert.conversion import Conversion, convert, prove

__all__ = ["Conversion", "convert", "prove"]
