"""What a person changes in a project: datasets, models, parameters, code; checked and planned."""
