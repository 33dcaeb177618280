"""One file per metric; each exports METRIC (`artpipe.contracts.metric`)."""
