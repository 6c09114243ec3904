"""What happened: the envelope of the log, the declared schema, and how a raw record becomes an event."""
