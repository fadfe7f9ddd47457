"""Reach: whether each rule of the law was seen to decide both ways.

A rule that only ever said yes was not tested. For a rule that refuses, the two ways are *refused* (by it)
and *passed* (an event of its kind got beyond it); for a rule that computes, they are named classes of its
result, seen by wrapping the very functions that the law calls while events are applied and checked.

A campaign counts in two columns: the policy it was given, and drawn policies. In the first column a rule is
not applicable where that policy can decide it one way at the most: nobody reaches the margin of a square
root where no market has one.
"""
