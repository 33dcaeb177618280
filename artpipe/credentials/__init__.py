"""Content credentials (C2PA): sign what the gallery offers, and verify any file offline."""
