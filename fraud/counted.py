"""Numbers with their nouns, for messages: "1 record", "2 records"."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """The number and the noun in the right form; `plural` is for nouns that don't just add an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
