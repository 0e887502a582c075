"""`python -m bench chaos`: break one part after the other under load, and count what was answered and recorded."""
