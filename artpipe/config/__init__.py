"""params.yaml: read within bounds, typed, validated and edited."""
