"""The prose of the law: its chapters read, their tables run, and whether all forms of the law still agree.

Read in this order: chapters.py (what is read), examples.py (the tables), drift.py (what is compared),
status.py (what is written back).
"""
