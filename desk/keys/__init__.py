"""Pages on which administrators make, revoke and rotate API keys of clients."""
