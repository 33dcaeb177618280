"""Straight paths from noise to pictures, their network and conditions."""
