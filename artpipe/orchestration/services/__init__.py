"""Servers that stay: Prefect's and the gallery's."""
