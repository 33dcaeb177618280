"""One file per model kind; each exports MODEL (see `artpipe.contracts.model`). The file's name is the kind."""
