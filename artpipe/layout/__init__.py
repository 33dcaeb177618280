"""Detect what a folder or an archive of works means.

That is medium, splits, classes, captions, and which files are no works; docs/inputs.md.
"""
