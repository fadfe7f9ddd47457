"""Claims that were believed and are false, each with the values at which it fails."""
