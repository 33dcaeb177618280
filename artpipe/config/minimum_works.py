"""Whether a place holds a dataset at all, seen before a stage has run."""

MINIMUM_WORKS = 8  # three splits, none of them empty, the largest for training
