"""Content credentials (C2PA): sign what the gallery offers, verify any file."""
