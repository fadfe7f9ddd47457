"""Mutants: the law changed in one place, and who notices.

First the named ones: each theorem refutes the broken rules that stand next to it. Then a seeded sample of
mutations of `refmodel/` by the operators of cosmic-ray. Each is judged in a tree of its own, by the worked
tables, the cases of venues, a short campaign, the fast path, the ladders of refusals, and the theorems about
the rules it touches. A survivor is either reviewed in spec/mutants.toml, with the reason, or a finding.
"""
