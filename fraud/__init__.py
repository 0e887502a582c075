"""What every part of the project shares: settings, the feature schema, database access, the registry."""
