"""Conformance: any engine asked what the law answers, over pipes or in this process (spec/protocol.md)."""
