"""Real engines under the protocol of spec/protocol.md, each run by the Python of an environment of its own.

`python -m marginspec.adapters` compares them with the law and writes the reports in spec/conformance/.
"""
