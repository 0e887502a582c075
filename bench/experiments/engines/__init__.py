"""Scoring engines side by side: ours, ONNX Runtime and XGBoost on the same models and fresh rows."""
