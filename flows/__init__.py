"""Flows of this project, for Prefect to run; the machinery below them is `artpipe.orchestration`."""
