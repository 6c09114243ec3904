"""History through the same engine: recorded events in, what would have happened out. Nothing here can send."""
