"""Forget works: find them, say what they are in, and leave a tombstone only."""
