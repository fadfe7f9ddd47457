"""The random search: drawn policies and histories, what must hold after every event, and what was reached.

Read in this order: choices.py, draw_policy.py and draw_events.py (what is drawn), invariants/ (what must
hold), reach/ (what was seen), campaign.py, shrink.py; coalition.py and adversary.py look for attacks;
differential.py compares the fast path with the law.
"""
