"""A server that reads requests and does nothing with them: what the client and the machine can do at most."""

from __future__ import annotations

import sys

from bench.experiments.peers.servers.launch import Launch, Place


def launch(place: Place) -> Launch:
    """Serve `services/responder.py` with our own interpreter."""
    return Launch((sys.executable, "-m", "bench.experiments.peers.services.responder", str(place.port)), "/")
