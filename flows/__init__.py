"""This project's Prefect flows; their machinery is in `artpipe.orchestration`."""
