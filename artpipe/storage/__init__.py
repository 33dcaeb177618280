"""What DVC keeps of a project: whether it is whole, what it is needed for, what may go."""
