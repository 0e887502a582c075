"""Statistics that training, the promotion gate and the drift monitor share: pure computation, no I/O."""
