"""One file per kind of model, named after the kind; each exports MODEL.

See `artpipe.contracts.model`.
"""
