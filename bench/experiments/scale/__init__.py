"""How each part of the product grows: curves, their slopes, and where they bend."""
