"""What DVC keeps of a project: its integrity, what still needs it, garbage."""
