"""The live shadow: a version that does not answer scores a share of what was answered, beside the record."""
