"""marginspec: the tools a user touches. The law itself is in `refmodel`, its proofs in `proofs`."""

__version__ = "0.1.0"
