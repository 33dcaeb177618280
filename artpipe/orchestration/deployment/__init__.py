"""Runs that begin by schedule, event or hand."""
