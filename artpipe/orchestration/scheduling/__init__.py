"""Which stage runs when and where."""
