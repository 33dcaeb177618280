"""Fingerprints of the code that decides a result, recorded in code.yaml."""
