"""Rule tests (`tests/rules/*.yaml`): given events through the same engine, its ledger compared with what is expected.

Virtual time, the memory store, a provider that accepts all; nothing here can send.
"""
