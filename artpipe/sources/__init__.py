"""One file per source; each exports SOURCE (`artpipe.contracts.source`)."""
