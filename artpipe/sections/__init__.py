"""One file per part of a gallery page; each exports SECTION (`artpipe.contracts.section`)."""
