"""The transition function at production speed, bit for bit the law's: start at Engine (shell.py).

Inside are numbers and records (core.pyx and what it includes), outside are names. It never imports refmodel:
policies, events and venues are read by the names of their fields.
"""

from fastpath.engine.core import ENTRY, ENTRY_KINDS, EVENT_TYPES, REASONS, RULES, STAGES
from fastpath.engine.errors import DomainError
from fastpath.engine.results import Batch, BatchResult, Refusal, Result
from fastpath.engine.shell import Engine

__all__ = [
    "ENTRY",
    "ENTRY_KINDS",
    "EVENT_TYPES",
    "REASONS",
    "RULES",
    "STAGES",
    "Batch",
    "BatchResult",
    "DomainError",
    "Engine",
    "Refusal",
    "Result",
]
