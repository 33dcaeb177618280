"""What a folder or an archive of works means: medium, splits, classes, captions, and what is no work; docs/inputs.md."""
