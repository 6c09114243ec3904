"""Recorded history through the same engine, with no way to send."""
