"""What is said in sentences: codes with values where it is found, one table of sentences per language where it is shown."""
