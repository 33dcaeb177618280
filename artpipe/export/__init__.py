"""Take models and datasets out, in formats of others."""
