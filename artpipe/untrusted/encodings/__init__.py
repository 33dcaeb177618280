"""Detect or guess the encoding of texts and names."""
