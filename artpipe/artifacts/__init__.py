"""What flows between the stages, one file each: save, load and verify, nothing else."""
