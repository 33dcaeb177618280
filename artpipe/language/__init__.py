"""Messages as codes with values, and a table of sentences per language."""
