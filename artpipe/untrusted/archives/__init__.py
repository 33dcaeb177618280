"""Zip and tar files as streams of members; nothing is extracted."""
