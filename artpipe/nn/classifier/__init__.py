"""Calibration, degradations and saliency of classifiers."""
