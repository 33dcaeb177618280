"""One file per part of a gallery page; each exports SECTION.

See `artpipe.contracts.section`.
"""
