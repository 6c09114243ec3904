"""Builds the documentation as a static site: pages of HTML, one style sheet, no script, no request to anybody else."""
