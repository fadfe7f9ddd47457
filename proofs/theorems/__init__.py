"""What is claimed about the law, one file per letter of the catalogue."""
