"""Everything that touches bytes nobody vouches for: downloads, archives, metadata, pictures; pictures only in workers."""
