"""Adapters that hand a message to the outside: files and SMTP."""
