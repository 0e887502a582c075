"""A certificate for the server under test, and who trusts it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path
    authority: Path
    """Who issued it, for clients that take a file."""
    trust: ssl.SSLContext
    """Of a client that knows the authority which issued it."""

    @classmethod
    def issue(cls, folder: Path) -> Certificate:
        """For 127.0.0.1, by an authority of its own."""
        authority, chain, key = trustme.CA(), folder / "chain.pem", folder / "key.pem"
        root = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(root))
        issued = authority.issue_cert("127.0.0.1")
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        return cls(chain, key, root, trust)

    @property
    def settings(self) -> dict[str, str]:
        """What makes a server use it."""
        return {"SSL_CERTFILE": str(self.chain), "SSL_KEYFILE": str(self.key)}
