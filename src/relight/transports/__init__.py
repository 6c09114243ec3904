"""Adapters that bring records in: files, standard input and the brokers."""
