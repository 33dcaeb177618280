"""The artifacts that stages exchange, one file each: save, load and verify."""
