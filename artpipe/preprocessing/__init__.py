"""What modalities share in preprocess: contact sheets, rows of tokens."""
