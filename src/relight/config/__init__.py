"""A project folder in; a plan, settings and every problem of the folder out."""
