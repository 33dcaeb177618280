"""Cards of models and datasets for the Hub, and datasets as Croissant."""
