"""Likelihoods, flows and convolutions of variational autoencoders."""
