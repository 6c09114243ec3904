"""The `relight` command: arguments in, text and exit codes out."""
