"""Audit: the log of another engine run again, every refusal, posting and digest compared with what it claims.

A log has two forms (spec/logs.md): JSON lines (lines.py) and Parquet (columnar.py). Either is read as tables
of numbers (table.py, names.py), run through the engine or the law (machines.py), compared in whole columns
(claims.py, books.py), and kept in an evidence file as it goes (auditor.py). Start at command.py.
"""
