"""Layers and weight averages that several families share."""
