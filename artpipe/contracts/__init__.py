"""What a plugin has to be: source, modality, model, metric and section."""
