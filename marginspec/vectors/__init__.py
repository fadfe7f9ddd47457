"""Vectors: what the law answers to committed inputs, in files that need neither Python nor us to be read."""
