"""One package per modality; each exports MEDIUM (`artpipe.contracts.modality`)."""
