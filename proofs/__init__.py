"""Why the law is sound: theorems about the very code of `refmodel/` and of the kernels, proved by Z3.

Read in this order: registry.py (how a theorem is written), theorems/ (what is claimed), then the core that
an auditor has to trust: symbolic.py, explorer.py, ladder.py, prover.py, and canaries.py, which tests it.
"""
