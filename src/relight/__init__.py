"""Lifecycle messaging as code: events in, the right message out, and a reason for every message not sent."""
