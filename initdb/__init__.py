"""The database's contents: schema, roles, and the reference applications from the public table or its generator."""
