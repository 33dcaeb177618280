"""Flows of this project, for Prefect to run."""

import artpipe.orchestration  # noqa: F401  # Prefect's settings, before it is imported
