"""Long steps that theorems lean on, kept out of the files that an auditor reads as claims."""
