"""Style transfer: perceptual losses and their optimiser."""
