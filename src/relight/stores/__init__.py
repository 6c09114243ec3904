"""Adapters that keep the log, the ledger, the outbox and the checkpoints."""
