"""One file per model kind; each exports MODEL (see `artpipe.nn.contract`). The file's name is the kind."""
