"""The law of a derivatives venue as plain, pure Python on whole numbers."""
