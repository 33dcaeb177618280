"""The encoding of texts and names, told or guessed."""
