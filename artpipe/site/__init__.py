"""The machinery of the gallery's pages: views, media files, charts, translation."""
