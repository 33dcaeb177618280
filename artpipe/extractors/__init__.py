"""One file per pretrained network; each exports EXTRACTOR.

See `artpipe.contracts.extractor`.
"""
