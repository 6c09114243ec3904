"""Words everybody uses: instants, spans of time, problems, ids and errors. Imports nothing of relight."""
