"""What is said of a picture, one file per observation; each exports OBSERVATION."""
