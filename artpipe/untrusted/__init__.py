"""Code that reads untrusted bytes: downloads, archives, metadata, pictures.

Pictures are decoded in worker processes only.
"""
