"""The compliance pack: documents that law asks for, with what the product knows, each statement beside its evidence.

What it can't know (who provides it, by which law, what was weighed) is a marked question, and never filled in.
"""
