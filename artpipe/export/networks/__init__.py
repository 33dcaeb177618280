"""The networks of tensors alone that kinds give to others."""
