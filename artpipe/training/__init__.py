"""The engine of every training: data, loop, resumable state, memory, ranks."""
