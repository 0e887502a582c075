"""Pages for people: a process of its own, which the server's port leads to, so that no page slows scoring."""
