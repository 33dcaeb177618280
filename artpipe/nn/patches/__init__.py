"""Patch synthesis: which pictures to make."""
