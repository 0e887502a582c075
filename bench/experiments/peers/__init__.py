"""Our server beside its peers: the same model, the same rows, one core each, in one run (`python -m bench peers`)."""
