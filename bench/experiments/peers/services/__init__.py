"""Services of the peers, run by the interpreters of their environments: nothing here imports from the project."""
