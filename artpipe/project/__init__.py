"""A project's datasets, models, parameters and code: added, checked, planned."""
