"""artpipe: from a dataset to a gallery, reproducibly."""

__version__ = "0.2.0"
