"""What is told of the runs: MLflow's mirror of them, the champions, what was trained when and what a work came from."""
