"""Checks of a gallery before it is published, one file each.

`checks.py` lists them.
"""
