"""Read params.yaml within bounds; type, validate and edit it."""
