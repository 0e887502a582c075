"""The compliance pack: documents required by law, filled with the facts that the product knows, each statement with its
evidence.

Facts that it can't know (the provider, the legal basis, considerations) are marked as questions, and never filled in.
"""
