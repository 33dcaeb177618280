"""Networks, blocks, losses and samplers of the models, by family."""
