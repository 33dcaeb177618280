"""All cases from the wild."""

from tests.wild import archives, layouts, machines, readings

CASES = [*layouts.CASES, *archives.CASES, *readings.CASES, *machines.CASES]
