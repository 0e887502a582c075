"""Scoring of whole files: the inputs are cut into parts, each part is scored and committed once, the parts are joined.

    inputs -> parts of them -> rows (the API's decoders) -> probabilities -> part files -> one file, or a folder

A part is committed by one rename, so a run that is killed goes on with the parts that are missing.
"""
