"""What the operating system provides: files, locks, processes, terminals."""
