"""Tracking of runs: MLflow's mirror of them, champions, run lists, lineage."""
