"""The scoring service: the engine that runs a model, the HTTP API, the prediction log, hot reload."""
