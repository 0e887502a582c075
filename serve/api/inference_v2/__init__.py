"""The Open Inference Protocol, version 2 (KServe), as JSON and with Triton's binary tensor extension."""
