"""Pure functions of tensors: distances, n-grams, image quality."""
