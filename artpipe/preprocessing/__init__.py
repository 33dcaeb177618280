"""What modalities share when works become tensors: contact sheets, rows of tokens."""
