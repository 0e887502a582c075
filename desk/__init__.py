"""Pages for people, in a separate process behind the server's port, so that no page slows scoring."""
